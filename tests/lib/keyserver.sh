# shellcheck shell=bash
# A keyserver of the tests' own: certificates made on the spot, hkp_server.py in the background. Sourced by the files
# that need it, after the rest.

# keyserver_start FOLDER: sets KEYSERVER (https://localhost:PORT), KEYSERVER_OTHER_PORT, KEYSERVER_WRONG_NAME (a server
# whose certificate is another's), KEYSERVER_CA (the file to trust) and KEYSERVER_PID. FOLDER/log has its requests.
keyserver_start() {
    local folder=$1 ports
    mkdir -p "$folder"
    keyserver_certificates "$folder" 2>"$folder/openssl.log" || die "openssl: $(tail -n 5 "$folder/openssl.log")"
    : >"$folder/log"
    python3 "$BERTH_SOURCE/tests/lib/hkp_server.py" "$folder" >"$folder/server.log" 2>&1 </dev/null &
    KEYSERVER_PID=$!
    until_true 10 test -s "$folder/ports" || die "the keyserver does not start: $(tail -n 5 "$folder/server.log")"
    read -ra ports <"$folder/ports"
    KEYSERVER=https://localhost:${ports[0]}
    KEYSERVER_OTHER_PORT=https://localhost:${ports[1]}
    KEYSERVER_WRONG_NAME=https://localhost:${ports[2]}
    KEYSERVER_CA=$folder/ca.pem KEYSERVER_LOG=$folder/log
    export KEYSERVER KEYSERVER_OTHER_PORT KEYSERVER_WRONG_NAME KEYSERVER_CA KEYSERVER_LOG
}

keyserver_stop() { [[ -z ${KEYSERVER_PID:-} ]] || end_process "$KEYSERVER_PID"; }

# keyserver_certificates FOLDER: ca.pem; server.pem for localhost; other.pem for another name; both signed by the CA.
keyserver_certificates() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Berth test CA' \
        -keyout "$1/ca.key" -out "$1/ca.pem"
    keyserver_certificate "$1" server 'DNS:localhost,IP:127.0.0.1'
    keyserver_certificate "$1" other 'DNS:other.example'
}

keyserver_certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1/$2.key" -out "$1/$2.csr" &&
        openssl x509 -req -in "$1/$2.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 2 \
            -extfile <(printf 'subjectAltName=%s\n' "$3") -out "$1/$2.crt" &&
        cat "$1/$2.key" "$1/$2.crt" >"$1/$2.pem"
}
