"""What the browser tests rely on: nothing that goes wrong in a browser goes unseen."""

import http.server
import threading

import pytest

from tests.browser.kit import Visitor

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src *; img-src *"
PAGES = {
    "/fine": "<title>fine</title><h1>Fine</h1>",
    "/inline": "<title>x</title><p style='color: red'>red</p><script>document.title = 'y'</script>",
    "/throws": "<title>x</title><script src='/throws.js'></script>",
    "/throws.js": "console.log('fine'); throw new Error('it broke')",
    "/favicon.ico": " ",
    "/elsewhere": "<title>x</title><img alt='' src='http://elsewhere.example/x.png'>",
}


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = PAGES.get(self.path, "it broke").encode()
        self.send_response(200 if self.path in PAGES else 500)
        kind = "text/javascript" if self.path.endswith(".js") else "text/html"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def pages():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def look(browser, pages):
    """What a visitor complains of a page."""

    def complaints(path, status=200, **options):
        visitor = Visitor(browser, pages, **options)
        try:
            visitor.go("/fine")
            answer = visitor.page.goto(path, wait_until="networkidle")
            assert answer.status == status
            return "\n".join(visitor.complaints)
        finally:
            visitor.close()

    return complaints


def test_a_page_that_is_fine_leaves_no_complaint(look):
    assert look("/fine") == ""


def test_an_inline_script_and_an_inline_style_breach_the_policy_and_do_nothing(look):
    said = look("/inline")

    assert "CSP violation: script-src" in said
    assert "CSP violation: style-src" in said


def test_an_error_of_a_script_is_told(look):
    assert "it broke" in look("/throws")


def test_a_request_to_somebody_else_is_told_and_reaches_nobody(look):
    said = look("/elsewhere")

    assert "asked somebody else: http://elsewhere.example/x.png" in said
    assert "ERR_NAME_NOT_RESOLVED" in said


def test_an_answer_5xx_is_told(look):
    assert "500 of" in look("/nothing", status=500)


def test_without_javascript_no_script_runs(look):
    assert look("/throws", javascript=False) == ""
