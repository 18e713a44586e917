"""The agent inside a Slurm job: claims its instance, runs one engine, reports until the end.

Standard library only, Python >= 3.6. The batch script embeds it and is replaced by it, so Slurm's
signals arrive here. The spec is JSON on file descriptor 4, or in the file named by an argument.
Exit codes: 0 ended as asked or disowned, 1 the engine failed, 75 no claim granted within an hour.
"""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

CALLBACK_S, METRICS_S, TOKEN_S = 5.0, 2.0, 60.0  # a first token may wait for compilers
CLAIM_PATIENCE_S = 3600.0  # a GPU that nobody owns is worse than a lost place in the queue
LOOK_S, DRAIN_GRACE_S = 0.25, 1.0  # within a second the gateway's processes stop routing here
STOP_S, TERM_DRAIN_S, TERM_STOP_S = 15.0, 20.0, 5.0  # KILL follows TERM by KillWait, 30 s
TERM_ECHO_S = 2.0  # TERMs of several senders in a row are one; a later one means: at once
TAIL_BYTES, MAX_ANSWER_BYTES = 8000, 4 << 20
VERDICTS = dict.fromkeys((401, 403, 409, 410), "disowned")
SIGNALS = (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)
NO_ANSWER = (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, OverflowError)
METRIC = re.compile(r"^vllm:(?:prompt_|generation_)?(\w+)(?:\{.*\})?\s+(\S+)", re.M)
PROOFS = (  # the smallest requests that make an engine of one kind or another compute
    ("/v1/completions", {"prompt": "1", "max_tokens": 1}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "1"}], "max_tokens": 1}),
    ("/v1/embeddings", {"input": "1"}),
    ("/v1/score", {"text_1": "1", "text_2": "1"}),
    ("/pooling", {"input": "1"}),
)


class Ended(Exception):
    """(exit code, words): nothing is left but to stop the engine and to say so."""


def write(data):
    with contextlib.suppress(OSError):  # a full disk must neither stop nor stall the engine
        os.write(1, data)


def wait(seconds):
    """Sleep until one of SIGNALS, which are blocked, or the time is up; return it, or None."""
    heard = signal.sigtimedwait(SIGNALS, max(0.0, seconds))  # CPython: junk after STOP and CONT
    return signal.Signals(heard.si_signo) if heard and heard.si_signo in SIGNALS else None


def ask(connection, key, method, path, body=None):
    """Return (status, body bytes) of one exchange; raises NO_ANSWER. No proxy, no redirect."""
    headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
    with contextlib.closing(connection):
        connection.request(method, path, body and json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        return answer.status, answer.read(MAX_ANSWER_BYTES)


def hold_port(host, low, high):
    """Return a socket that holds a random free port for its life; OSError when there is none."""
    for port in random.sample(range(low, high + 1), high + 1 - low):
        holder = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        with contextlib.suppress(OSError):
            # Bound alone, it proves the port unused; options set later admit only the engine.
            holder.bind((host, port))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            return holder
        holder.close()
    raise OSError(f"no free port from {low} to {high}")


class Gateway:
    """The callback's client: numbers events and delivers them, one attempt at a time."""

    def __init__(self, spec, environ):
        url = urllib.parse.urlsplit(spec["callback_url"])
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self.connect = lambda: kind(url.hostname, url.port, timeout=CALLBACK_S)
        self.path, self.token, self.sequence, self.trouble = url.path or "/", spec["token"], 0, ""
        self.facts = {"port": None, "model_list": [], "load": None, "detail": None}
        self.facts.update(instance_id=spec["instance_id"], slurm_job_id=environ["SLURM_JOB_ID"])
        self.facts["restart_count"] = int(environ.get("SLURM_RESTART_COUNT") or 0)

    def event(self, name, **news):
        self.sequence += 1
        return dict(self.facts, event=name, sequence=self.sequence, **news)

    def deliver(self, event):
        """Return continue, drain, exit or disowned; None without a usable answer: try again."""
        try:
            status, body = ask(self.connect(), self.token, "POST", self.path, event)
            command = json.loads(body)["command"] if status == 200 else VERDICTS.get(status)
            trouble = "" if status == 200 else f"{status} {body[:300].decode('utf-8', 'replace')}"
        except NO_ANSWER as error:
            command, trouble = None, repr(error)
        if trouble not in ("", self.trouble):
            write(f"kscope: {event['event']} failed: {trouble}\n".encode("utf-8", "replace"))
        self.trouble = trouble
        return command if command in ("continue", "drain", "exit", "disowned") else None


class Engine:
    """One engine process: its output, its proof of life, its load."""

    def __init__(self, spec, port):
        """Start it; OSError, ValueError or SubprocessError when that is impossible."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(spec["bind_host"], spec["bind_host"])  # noqa: S104
        self.connect = lambda limit_s=TOKEN_S: http.client.HTTPConnection(host, port, limit_s)
        self.key, self.model, self.tail = spec["engine_api_key"], spec["model"], b""
        self.models, self.trouble = None, "not listening yet"
        argv = [*spec["engine_argv"], "--host", spec["bind_host"], "--port", str(port)]
        env = {"VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "620"}  # 5 s would reset the gateway's connections
        env.update(spec["engine_env"], VLLM_API_KEY=self.key)
        self.process = subprocess.Popen(
            [word.encode() for word in argv],  # Python 3.6 under LANG=C takes ASCII text only
            env={**os.environb, **{name.encode(): value.encode() for name, value in env.items()}},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.setpgrp() or signal.pthread_sigmask(signal.SIG_SETMASK, ()),  # noqa: PLW1509
        )
        self.copier = threading.Thread(target=self.copy_output, daemon=True)
        self.copier.start()
        threading.Thread(target=self.prove, daemon=True).start()

    def copy_output(self):
        for chunk in iter(lambda: os.read(self.process.stdout.fileno(), 65536), b""):
            self.tail = (self.tail + chunk)[-TAIL_BYTES:]
            write(chunk)

    def prove(self):
        while self.process.returncode is None and self.models is None:
            try:
                self.prove_once()
            except NO_ANSWER as error:
                self.trouble = f"no token yet: {error!r}"
            time.sleep(LOOK_S)

    def prove_once(self):
        """Set `models`, once it makes a token for its key and for no other; raises NO_ANSWER."""
        status, _ = ask(self.connect(), "not-the-key", "GET", "/v1/models")
        if status not in (401, 403):
            raise ValueError(f"/v1/models answered {status} to a wrong key: not our engine?")
        for path, body in PROOFS:
            status, text = ask(self.connect(), self.key, "POST", path, dict(body, model=self.model))
            if status not in (400, 404, 405, 422):  # those: an engine of another kind
                break
        if status != 200:
            raise ValueError(f"{path} answered {status}: {text[:300]!r}")
        self.models = json.loads(ask(self.connect(), self.key, "GET", "/v1/models")[1])["data"]

    def load(self):
        """Return the callback's load, or None with `trouble` set when it does not tell in time."""
        seen = {}
        try:
            _, text = ask(self.connect(METRICS_S), self.key, "GET", "/metrics")
            for name, value in METRIC.findall(text.decode()):
                seen.setdefault(name, []).append(float(value))
            load = {name: int(sum(seen["num_requests_" + name])) for name in ("running", "waiting")}
            if "tokens_total" in seen:
                load["tokens"] = int(sum(seen["tokens_total"]))
            load["kv_cache_usage"], self.trouble = max(seen["kv_cache_usage_perc"]), None
        except NO_ANSWER as error:
            load, self.trouble = None, f"/metrics does not tell the load: {error!r}"
        return load


class Worker:
    """One job's life as a loop: look at the engine, report, wait, heed signals."""

    def __init__(self, spec, gateway):
        self.spec, self.gateway, self.drain_s = spec, gateway, spec["drain_timeout_s"]
        self.engine = self.pending = self.drain_from = self.drain_until = self.terminated_at = None
        self.owner, self.ready, self.failures, self.idle_looks = False, False, 0, 0
        self.give_up_at = time.monotonic() + CLAIM_PATIENCE_S

    def run(self):
        self.say("claim")
        try:
            while True:
                if self.engine is not None:
                    self.look(time.monotonic())
                if time.monotonic() >= self.report_at:
                    self.report()
                self.heed(wait(min(LOOK_S, self.report_at - time.monotonic())))
        except Ended as end:
            return self.end(*end.args)

    def say(self, event, **news):
        """Make this the next report, due now; it outdates a state not yet accepted."""
        self.pending, self.report_at = self.gateway.event(event, **news), 0.0

    def look(self, now):
        """Draw conclusions; Ended when it is over. Slurm 22.05 sends TERM to the engine, too."""
        code = self.engine.process.poll()
        if code is not None:
            how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
            raise Ended(0 if self.terminated_at else 1, f"the engine ended: {how}")
        if not self.ready and self.engine.models is not None:
            self.ready = True
            self.say("ready", model_list=self.engine.models)
        if self.drain_until is not None and now >= self.drain_until:
            raise Ended(0, "drained as long as allowed")
        if self.drain_until is not None and now >= self.drain_from + DRAIN_GRACE_S:
            load = self.engine.load() or {"running": 1, "waiting": 0}  # unknown is not idle
            self.idle_looks = 0 if load["running"] + load["waiting"] else self.idle_looks + 1
            if self.idle_looks >= 2:
                raise Ended(0, "drained: nothing was in flight")

    def report(self):
        """Deliver the pending state, else a heartbeat; obey the answer."""
        event = self.pending
        if event is None:
            load = self.engine.load() if self.ready else None
            event = self.gateway.event("heartbeat", load=load, detail=self.engine.trouble)
        command = self.gateway.deliver(event)
        pause_s, backoff_s = self.spec["heartbeat_interval_s"], 2 ** min(self.failures, 10)
        if command is None:
            pause_s = min(pause_s if self.owner else 30.0, random.uniform(0.5, 1.0) * backoff_s)  # noqa: S311
        self.report_at = time.monotonic() + pause_s
        self.failures, self.pending = (0, None) if command else (self.failures + 1, self.pending)
        if command in ("exit", "disowned"):
            self.owner = self.owner and command == "exit"
            raise Ended(0, f"the gateway's word: {command}")
        if command == "drain":
            self.drain(self.drain_s, "the gateway asked")
        if command == "continue" and not self.owner:
            self.start()
        if not self.owner and time.monotonic() > self.give_up_at:
            raise Ended(75, "nobody granted the claim in time: the GPUs are given back")

    def start(self):
        self.owner = True
        try:
            self.holder = hold_port(self.spec["bind_host"], *self.spec["port_range"])
            self.gateway.facts["port"] = self.holder.getsockname()[1]
            self.engine = Engine(self.spec, self.gateway.facts["port"])
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise Ended(1, f"the engine cannot start: {error}") from error
        self.say("starting")

    def heed(self, heard):
        if heard == signal.SIGUSR1:
            self.drain(self.drain_s, "USR1: the time limit is near")
        elif heard in (signal.SIGTERM, signal.SIGINT):
            self.terminated_at = self.terminated_at or time.monotonic()
            if time.monotonic() > self.terminated_at + TERM_ECHO_S:
                raise Ended(0, "told twice to stop")
            self.drain(min(self.drain_s, TERM_DRAIN_S), heard.name)

    def drain(self, limit_s, why):
        """Begin to drain, or bring the end of it nearer."""
        if not self.ready:
            raise Ended(0, f"{why}: nothing was served yet")
        now = time.monotonic()
        if self.drain_until is None:
            self.drain_from, self.drain_until = now, now + limit_s
            self.say("draining", detail=why)
        self.drain_until = min(self.drain_until, now + limit_s)

    def end(self, code, words):
        """Stop the engine, tell the gateway why; return the exit code."""
        write(f"kscope: {words}\n".encode("utf-8", "replace"))
        output = self.stop_engine() if self.engine is not None else ""
        event = self.gateway.event("ended", detail=f"{words}\n{output}".rstrip() if code else words)
        if self.owner and self.gateway.deliver(event) is None and self.terminated_at is None:
            wait(1.0)
            self.gateway.deliver(event)
        return code

    def stop_engine(self):
        """TERM, and after a grace KILL, to the engine's whole group; return its last output."""
        until = time.monotonic() + (TERM_STOP_S if self.terminated_at else STOP_S)
        with contextlib.suppress(Ended, OSError):  # told twice: KILL now; nobody left: fine
            os.killpg(self.engine.process.pid, signal.SIGTERM)
            while self.engine.process.poll() is None and time.monotonic() < until:
                self.heed(wait(LOOK_S))
        with contextlib.suppress(OSError):
            os.killpg(self.engine.process.pid, signal.SIGKILL)
        self.engine.copier.join(2.0)
        text = re.sub(r"\x1b\[[0-9;]*m", "", self.engine.tail.decode("utf-8", "replace"))
        return text.replace(self.engine.key, "[key]")


def main(argv, environ):
    os.umask(0o077)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    with open(argv[1] if len(argv) > 1 else 4, "rb") as stream:
        spec = json.loads(stream.read())
    return Worker(spec, Gateway(spec, environ)).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv, os.environ))
