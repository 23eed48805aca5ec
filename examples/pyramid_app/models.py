"""The application's tables, and chevupload's beside them."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chevupload import Tables


class Base(DeclarativeBase):
    """The base of every model."""


class User(Base):
    """Whoever has registered."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]


tables = Tables.default().in_metadata(Base.metadata)
