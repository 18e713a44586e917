"""The gateway process: gunicorn with gevent workers. Started by `web.server`."""

import os


def main() -> None:
    # Before anything that holds a socket, a lock or TLS is imported.
    from gevent import monkey

    monkey.patch_all()

    from web.config import Settings
    from web.gateway_server import GatewayServer
    from web.logs import configure_logging

    settings = Settings.from_env(os.environ)
    configure_logging(settings)
    GatewayServer(settings).run()


if __name__ == "__main__":
    main()
