"""Receivers of chats on loopback, true to their protocols: ntfy, Slack, Matrix, Teams.

receiver.py PORTFILE LOG CERTIFICATE KEY

It is a web server, and the proxy by which a client reaches `https` names: behind CONNECT it speaks TLS under the
certificate. Each request that its service would take is a line of JSON in LOG; any other is answered as the service
answers it, by 4xx.
"""

import html
import http.server
import json
import os
import re
import ssl
import sys

PORT_FILE, LOG, CERTIFICATE, KEY = sys.argv[1:]
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(CERTIFICATE, KEY)


class Refused(Exception):
    """What the service does not take."""


def need(truth, why):
    if not truth:
        raise Refused(why)


def ntfy(request, path, body):
    if path == "/":
        message = json.loads(body)
        topic, title, text = message["topic"], message.get("title"), message["message"]
    else:
        topic, title, text = path[1:], request.headers["Title"], body.decode()
    need(re.fullmatch(r"[-_A-Za-z0-9]{1,64}", topic), "40009: invalid topic")
    need(text.strip(), "an empty message is `triggered`")
    answer = {"id": "x", "time": 1, "event": "message", "topic": topic, "message": text}
    return title, text, json.dumps(answer)


def slack(request, path, body):
    need(re.fullmatch(r"/services/T\w+/B\w+/\w+", path), "invalid_token")
    need(request.headers["Content-Type"].startswith("application/json"), "invalid_payload")
    message = json.loads(body)
    parts = message.get("attachments") or [message]
    need(all(part.get("text") for part in parts), "no_text")
    # Slack wants `&`, `<` and `>` as entities.
    return parts[0].get("title"), html.unescape(parts[0]["text"]), "ok"


def teams(request, path, body):
    guid = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    webhook = rf"/webhookb2/{guid}@{guid}/IncomingWebhook/[0-9a-f]{{32}}/{guid}"
    need(re.fullmatch(webhook, path), "Invalid webhook URL")
    card = json.loads(body)
    need(card["@type"] == "MessageCard" and card["summary"], "Summary or Text is required.")
    section = card["sections"][0]
    return section.get("activityTitle") or card["summary"], section["text"], "1"


def matrix(request, path, body):
    message = json.loads(body or "{}")
    if path.endswith("/login"):
        need(message["type"] == "m.login.password" and message["password"] == "PASSWORD", "M_FORBIDDEN")
        return None, None, json.dumps(
            {"access_token": "token", "home_server": "x", "user_id": "@tenshi:x", "device_id": "d"}
        )
    need(request.headers["Authorization"] == "Bearer token", "M_MISSING_TOKEN")
    if "/join/" in path:
        return None, None, json.dumps({"room_id": "!room:x"})
    if path.endswith("/logout"):
        return None, None, "{}"
    need(re.search(r"/rooms/(!|%21)room(:|%3A)x/send/m\.room\.message", path), "M_UNRECOGNIZED")
    need(message["msgtype"] in ("m.text", "m.notice"), "M_BAD_JSON")
    return None, message["body"], json.dumps({"event_id": "$e"})


def service(host, path):
    if host.startswith("hooks.slack.com"):
        return "slack", slack
    if host.endswith("webhook.office.com:443"):
        return "teams", teams
    if path.startswith("/_matrix/"):
        return "matrix", matrix
    return "ntfy", ntfy


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    via = None

    def do_CONNECT(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        tls = CONTEXT.wrap_socket(self.connection, server_side=True)
        inner = type("Inner", (Handler,), {"via": self.path})
        inner(tls, self.client_address, self.server)
        self.close_connection = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        host = self.via or self.headers["Host"]
        name, take = service(host, self.path)
        try:
            title, text, answer = take(self, self.path, body)
            status = 200
        except (Refused, KeyError, TypeError, ValueError) as why:
            name, title, text, answer, status = "refused", name, repr(why) + str(body), "{}", 400
        if text is not None:
            with open(LOG, "a", encoding="utf-8") as log:
                log.write(json.dumps({"service": name, "title": title, "text": text, "path": self.path}) + "\n")
        reply = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if answer[0] == "{" else "text/html")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    do_PUT = do_POST

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(PORT_FILE + ".new", "w", encoding="ascii") as file:
    file.write(str(server.server_address[1]))
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()
