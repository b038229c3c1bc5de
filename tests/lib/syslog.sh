# shellcheck shell=bash
# What is sent to syslog, where a machine need have none.

# with_syslog FILE COMMAND…: runs COMMAND where /dev is our own with a log in it, whose lines go to FILE.
with_syslog() {
    # shellcheck disable=SC2016
    unshare --mount --propagation private sh -c '
said=$1
shift
set -e
mkdir -p "$said.dev"
mount --rbind /dev "$said.dev"
mount -t tmpfs -o mode=0755 berth-test /dev
for node in null zero urandom fuse; do
    [ -e "$said.dev/$node" ] || continue
    : >/dev/$node
    mount --bind "$said.dev/$node" /dev/$node
done
python3 - "$said" <<PY &
import os, socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
os.chmod("/dev/log", 0o666)
open("/dev/ready", "w").close()
with open(sys.argv[1], "w") as file:
    while (line := log.recv(65536).decode()) != "end":
        print(line, file=file, flush=True)
PY
until [ -e /dev/ready ]; do sleep 0.05; done
set +e
"$@"
status=$?
python3 -c "import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b\"end\", \"/dev/log\")"
wait
exit $status
' sh "$@"
}
