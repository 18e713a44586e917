"""nginx as a plain reverse proxy: what a proxy costs that knows nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.cores import Cores
from bench.distribution import ensure_program
from bench.processes import HOST, Process, environment, family, free_port
from bench.subjects.subject import Subject

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    upstream engine {{
        server {host}:{upstream_port};
        keepalive 512;
        keepalive_requests 100000000;
    }}
    server {{
        listen {host}:{port} backlog=4096;
        location / {{
            proxy_pass http://engine;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


@contextmanager
def running_nginx(folder: Path, cores: Cores, upstream_port: int) -> Iterator[Subject]:
    program = ensure_program("nginx", "nginx")
    folder.mkdir()
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(folder=folder, host=HOST, port=port, upstream_port=upstream_port)
    )
    argv = cores.pin([program, "-p", str(folder), "-c", str(configuration)], cores.proxy)
    process = Process(argv, folder / "log", environment(), folder)
    subject = Subject("nginx", f"http://{HOST}:{port}")
    try:
        process.wait_ready(subject.answers, 20, "nginx answers")
        yield replace(subject, pids=tuple(family(process.pid)))
    finally:
        process.stop()
