"""A gallery on Pyramid, written by its page of the documentation."""

import zope.sqlalchemy
from pyramid.config import Configurator
from pyramid.response import Response
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from chevupload import Tables, sqlite_engine


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)


tables = Tables.default().in_metadata(Base.metadata)


class SecurityPolicy:
    def identity(self, request):
        return request.headers.get("X-User")

    def authenticated_userid(self, request):
        return self.identity(request)


def take_picture(request):
    file = request.POST["picture"]
    upload = request.chevupload.save(file.file, filename=file.filename, owner=request.authenticated_userid)
    return Response(request.chevupload.links.viewer(upload))


def make_application(settings):
    engine = sqlite_engine(settings["site.database"])
    Base.metadata.create_all(engine)

    def dbsession(request):
        session = Session(engine)
        zope.sqlalchemy.register(session, transaction_manager=request.tm)
        return session

    config = Configurator(settings=settings)
    config.set_security_policy(SecurityPolicy())
    config.include("pyramid_tm")
    config.add_request_method(dbsession, reify=True)
    config.include("chevupload.contrib.pyramid")
    config.set_chevupload(database=engine, tables=tables, users=User)
    config.add_route("picture", "/picture")
    config.add_view(take_picture, route_name="picture")
    config.registry["engine"] = engine
    return config.make_wsgi_app()
