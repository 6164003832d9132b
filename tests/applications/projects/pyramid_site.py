from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound
from pyramid.response import FileResponse, Response
from pyramid.view import view_config


@view_config(route_name="hello", renderer="json")
def hello(request):
    return {"name": request.matchdict["name"], "method": request.method, "host": request.host}


@view_config(route_name="go")
def go(request):
    return HTTPFound(request.route_url("hello", name="there"))


@view_config(route_name="file")
def file(request):
    return FileResponse(__file__, request=request, content_type="text/x-python")


@view_config(route_name="pieces")
def pieces(request):
    return Response(app_iter=(b"%d " % number for number in range(100)), content_type="text/plain")


def make():
    with Configurator() as config:
        for name, pattern in (("hello", "/hello/{name}"), ("go", "/go"), ("file", "/file"), ("pieces", "/pieces")):
            config.add_route(name, pattern)
        config.scan(__name__)
        return config.make_wsgi_app()


app = make()
