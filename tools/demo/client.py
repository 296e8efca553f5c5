"""Real HTTPS requests with urllib from one source address, a few a second, until stopped.

Usage: client.py prices|passwords PORT SOURCE_ADDRESS

prices     an honest script that reads the price list
passwords  a script that calls itself Chrome and tries passwords
"""

import itertools
import socket
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HOST = "shop.localhost"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)


def main(kind: str, port: int, source: str) -> None:
    connect = socket.create_connection

    def from_source(address, timeout=None, source_address=None, **rest):
        return connect(("127.0.0.1", address[1]), 10, (source, 0), **rest)

    socket.create_connection = from_source
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context)
    )
    for count in itertools.count():
        request = make_request(kind, f"https://{HOST}:{port}", count)
        try:
            with opener.open(request, timeout=10) as answer:
                answer.read()
        except urllib.error.HTTPError as refused:
            refused.read()
        except OSError:
            pass  # The server is being restarted.
        time.sleep(2.0 if kind == "prices" else 0.5)


def make_request(kind: str, base: str, count: int) -> urllib.request.Request:
    if kind == "prices":
        return urllib.request.Request(f"{base}/prices.json")
    form = urllib.parse.urlencode({"name": f"user{count}", "password": "123456"})
    return urllib.request.Request(
        f"{base}/session", form.encode(), {"User-Agent": CHROME, "Accept": "*/*"}
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
