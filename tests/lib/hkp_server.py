#!/usr/bin/env python3
"""A keyserver (HKP over HTTPS) for the tests, which also misbehaves on request.

hkp_server.py FOLDER: FOLDER holds server.pem (key and certificate for localhost and 127.0.0.1) and other.pem (the same
for another name). Two ports serve with server.pem, a third with other.pem; once they listen, their numbers are in
FOLDER/ports. Every request is a line in FOLDER/log: "PORT METHOD PATH AUTHORIZATION". Runs until it is ended.

https://localhost:PORT is a good server. https://localhost:PORT/MODE, with a MODE of the table at the end, is not.
"""
import base64
import hashlib
import http.server
import os
import ssl
import sys
import threading
import time
import urllib.parse

FOLDER = sys.argv[1]
KEYS = {}  # fingerprint: (binary, [user id, …])
LOCK = threading.Lock()
PORTS = []


def dearmored(text):
    lines = [line.strip() for line in text.splitlines()]
    begin = lines.index('-----BEGIN PGP PUBLIC KEY BLOCK-----')
    end = lines.index('-----END PGP PUBLIC KEY BLOCK-----')
    body = lines[lines.index('', begin) + 1:end]
    return base64.b64decode(''.join(line for line in body if not line.startswith('=')))


def checksum(data):
    """CRC-24 (RFC 4880, 6.1), without which GnuPG 2.2 takes no armour."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return base64.b64encode(crc.to_bytes(3, 'big')).decode()


def armored(data):
    return '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n%s=%s\n-----END PGP PUBLIC KEY BLOCK-----\n' % (
        base64.encodebytes(data).decode(), checksum(data))


def packets(data):
    """(tag, body) of each OpenPGP packet (RFC 4880, 4.2)."""
    while data:
        head = data[0]
        if head & 0x40:
            tag = head & 0x3f
            if data[1] < 192:
                start, size = 2, data[1]
            elif data[1] < 224:
                start, size = 3, ((data[1] - 192) << 8) + data[2] + 192
            else:
                start, size = 6, int.from_bytes(data[2:6], 'big')
        else:
            tag, width = (head >> 2) & 15, 1 << (head & 3)
            start, size = 1 + width, int.from_bytes(data[1:1 + width], 'big')
        yield tag, data[start:start + size]
        data = data[start + size:]


def store(text):
    data = dearmored(text)
    parts = list(packets(data))
    assert parts[0][0] == 6
    key = parts[0][1]
    fingerprint = hashlib.sha1(b'\x99' + len(key).to_bytes(2, 'big') + key).hexdigest().upper()
    with LOCK:
        KEYS[fingerprint] = data, [body.decode('utf-8', 'replace') for tag, body in parts if tag == 13]


def found(search):
    """Fingerprints of the keys that are meant: by 0xID, or by a part of a user id."""
    with LOCK:
        if search.startswith('0x'):
            return [f for f in KEYS if f.endswith(search[2:].upper())]
        return [f for f, (_, users) in KEYS.items() if any(search.lower() in user.lower() for user in users)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def answer(self, status, body=b'', headers=()):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def redirect(self, where):
        self.answer(302, '', [('Location', where)])

    def respond(self, form):
        with LOCK, open(FOLDER + '/log', 'a', encoding='utf-8') as log:
            log.write('%d %s %s %s\n' % (self.server.server_port, self.command, self.path, self.headers.get('Authorization', '-')))
        url = urllib.parse.urlsplit(self.path)
        mode, _, rest = url.path[1:].partition('/')
        try:
            if mode == 'pks':
                self.serve('pks/' + rest, urllib.parse.parse_qs(url.query), form)
            elif mode in MODES:
                MODES[mode](self, rest + ('?' + url.query if url.query else ''))
            else:
                self.answer(404, 'no such path\n')
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def do_GET(self):
        self.respond({})

    def do_POST(self):
        size = int(self.headers.get('Content-Length', 0))
        self.respond(urllib.parse.parse_qs(self.rfile.read(size).decode()))

    def serve(self, path, query, form):
        if path == 'pks/add' and self.command == 'POST':
            store(form['keytext'][0])
            self.answer(200, 'stored\n')
            return
        names = found(query.get('search', [''])[0])
        if path != 'pks/lookup' or not names:
            self.answer(404, 'no key found\n')
        elif query['op'] == ['get']:
            self.answer(200, armored(b''.join(KEYS[name][0] for name in names)))
        else:
            lines = ['info:1:%d' % len(names)]
            for name in names:
                lines.append('pub:%s:22:256:1700000000::' % name)
                lines += ['uid:%s:1700000000::' % urllib.parse.quote(user) for user in KEYS[name][1]]
            self.answer(200, '\n'.join(lines) + '\n')

    def served_again(self, rest, change=lambda query: query):
        url = urllib.parse.urlsplit('/' + rest)
        self.serve(url.path[1:], change(urllib.parse.parse_qs(url.query)), {})


def endless(handler, _):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b'pub:0123456789ABCDEF:1:4096:1::\n' * 1000)


def headers(handler, _):
    handler.wfile.write(b'HTTP/1.1 200 OK\r\n')
    while True:
        handler.wfile.write(b'X-More: and more\r\n' * 1000)


def drip(handler, _):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(600):
        handler.wfile.write(b'x')
        handler.wfile.flush()
        time.sleep(1)


def silent(_handler, _rest):
    time.sleep(600)


def hostile(handler, _):
    handler.answer(200, 'info:1:1\npub:0123456789ABCDEF:1:\x1b[31m:x::r\nuid:%1B%5D0;owned%07 %C3%28 name:::\nuid:%zz%:::\n'
                   'pub:nohex:1:1:1::\npub:0123456789ABCDE\x1b:1:1:1::\nuid\nnonsense\n')


def token(handler, rest):
    if handler.headers.get('Authorization') != 'Bearer right':
        handler.answer(401, 'who are you?\n')
    else:
        handler.served_again(rest)


def other_key(query):
    """Whatever was asked for, the first key that is not it."""
    asked = query['search'][0][2:]
    query['search'] = ['0x' + next(name for name in KEYS if not name.endswith(asked))]
    return query


MODES = {
    'endless': endless,
    'headers': headers,
    'drip': drip,
    'silent': silent,
    'hostile': hostile,
    'token': token,
    'garbage': lambda handler, _: handler.answer(200, os.urandom(20000)),
    'empty': lambda handler, _: handler.answer(200, ''),
    'error': lambda handler, _: handler.answer(500, 'the \x1b[31mdisk\x1b[0m is full\n'),
    'wrong': lambda handler, rest: handler.served_again(rest, other_key),
    'two': lambda handler, rest: handler.served_again(rest, lambda query: {**query, 'search': ['0x']}),
    'loop': lambda handler, rest: handler.redirect('/loop/' + rest),
    'again': lambda handler, rest: handler.redirect('/' + rest),
    'tohost': lambda handler, rest: handler.redirect('https://127.0.0.1:%d/%s' % (PORTS[0], rest)),
    'toport': lambda handler, rest: handler.redirect('https://localhost:%d/%s' % (PORTS[1], rest)),
    'tohttp': lambda handler, rest: handler.redirect('http://localhost:%d/%s' % (PORTS[0], rest)),
    'tofile': lambda handler, rest: handler.redirect('file:///etc/passwd'),
}


def listen(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    # The handshake belongs to the connection's own thread: a client that does not finish it must not stop the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    PORTS.append(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    for name in ('server', 'server', 'other'):
        listen('%s/%s.pem' % (FOLDER, name))
    with open(FOLDER + '/ports.new', 'w', encoding='utf-8') as ports:
        ports.write('%d %d %d\n' % tuple(PORTS))
    os.rename(FOLDER + '/ports.new', FOLDER + '/ports')
    threading.Event().wait()


main()
