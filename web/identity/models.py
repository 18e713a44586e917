"""The tables of API keys, of their owners, of failed logins, and of sessions. A key or a session's
token itself stands nowhere: only its digest does."""

from datetime import datetime

from sqlalchemy import JSON, Boolean, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from web.database import Base, UtcDateTime


class KeyRow(Base):
    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    pepper_version: Mapped[int] = mapped_column(Integer)
    user: Mapped[str] = mapped_column("user_name", String(255), index=True)
    name: Mapped[str] = mapped_column(String(255))
    # The models it is limited to; null: every model its owner may use.
    models: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # For a program, not a person: made by an administrator, may live longer.
    is_service: Mapped[bool] = mapped_column(Boolean, default=False)


class UserRow(Base):
    """Somebody who may own keys. Where the password is kept elsewhere, none is kept here."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    # Who knows the password: local, ldap, htpasswd; or cli, for one who never logs in.
    source: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(Boolean, default=False)
    groups: Mapped[list[str]] = mapped_column("group_names", JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Set by an administrator, or because the directory no longer has the user.
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_by: Mapped[str] = mapped_column(String(255), default="")
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # When the directory last answered for the user, by a login or a sync.
    synced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LoginFailuresRow(Base):
    """How often a login failed lately, for one user name or one origin."""

    __tablename__ = "login_failures"

    # A digest: what was typed as a name may have been a password.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SessionRow(Base):
    """Somebody is logged in, in one browser."""

    __tablename__ = "sessions"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column("user_name", String(255), index=True)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Moves on while the person does something, never beyond the lifetime.
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
