"""An app as a Handler: routes to views, mounts of other handlers, and what runs around them.

The way of a request is short where it can be. The path of a route without parameters is looked up as it was sent, in
one dictionary; every other path, spelling or method goes through the tree. Where nothing is to run around the views, a
view's text goes to the server as it is. Whatever a view raises is an answer here; nothing but what ends the server, and
what the server itself has to answer, passes.

This file does not know who serves it. Everything is matched by raw paths, behind `request.prefix`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from logging import DEBUG
from typing import Any, TypeVar

from salver.app.converters import BUILT_IN, Converter
from salver.app.errors import ErrorHandlers, Key, chooses_status, completed
from salver.app.hooks import Hooks
from salver.app.logs import log_head, logger
from salver.app.lookup import Found, Lookup
from salver.app.names import url_for
from salver.app.routes import Mount, Route
from salver.app.views import View, check_takes, checked
from salver.failures import log_failure
from salver.handler import (
    DEFAULT_OPTIONS,
    Handler,
    HandlerOptions,
    as_response,
    options_of,
    shows_tracebacks,
    with_options,
    wraps_handler,
)
from salver.problem import HTTPError, Problem, finished, note_failure, passing_problem_of, problem_of
from salver.request import Request, RequestBodyError
from salver.response import Response

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])
Middleware = Callable[[Handler], Handler]

# What a route takes that is given without a word on methods, as in `App({"/msg": message})`.
_EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE")

_UNANSWERED = "salver.app.unanswered"  # among a request's attributes: the error that the app has no page for


class App:
    """A Handler that sends each request to the view of its path.

        app = App()

        @app.get("/users/{id:int}")
        def show(request, id):
            return {"id": id}

    Everything is registered by one thread, before the app is served or between two requests; requests may be in any
    number of threads.
    """

    def __init__(
        self,
        routes: Mapping[str, View] | None = None,
        *,
        redirect_slashes: bool = False,
        converters: Mapping[str, Converter | type[Converter]] | None = None,
        debug: bool = False,
    ) -> None:
        """`routes`: views by their paths, for GET, POST, PUT, PATCH and DELETE. `redirect_slashes`: a path that has no
        route is sent on (308) where it has one with a slash more at its end, or one less. `converters`: kinds of
        parameters beside the built-in ones. `debug`: errors are shown with their traceback, to this computer alone.

        Raises what `route` does.
        """
        self.debug = debug
        self.converters = {name: make() for name, make in BUILT_IN.items()}
        self._lookup = Lookup(redirect_slashes=redirect_slashes)
        self._find_at_once = self._lookup.maybe_find_at_once
        self._hooks = Hooks()
        self._errors = ErrorHandlers()
        # What is put around this can ask it, as it could ask the app, how a request wants to be run.
        self._chain: Handler = wraps_handler(self)(partial(self._answer))
        self._is_plain = True  # nothing runs around the views
        self._logs_heads = logger.isEnabledFor
        for name, converter in (converters or {}).items():
            self.converters[name] = converter() if isinstance(converter, type) else converter
        for path, view in (routes or {}).items():
            self.add_route(path, view, _EVERY_METHOD)

    # Routes

    def get(self, path: str, **settings: Any) -> Callable[[AnyFunction], AnyFunction]:
        """`route` for GET, and so for HEAD."""
        return self.route(path, ["GET"], **settings)

    def post(self, path: str, **settings: Any) -> Callable[[AnyFunction], AnyFunction]:
        """`route` for POST."""
        return self.route(path, ["POST"], **settings)

    def put(self, path: str, **settings: Any) -> Callable[[AnyFunction], AnyFunction]:
        """`route` for PUT."""
        return self.route(path, ["PUT"], **settings)

    def patch(self, path: str, **settings: Any) -> Callable[[AnyFunction], AnyFunction]:
        """`route` for PATCH."""
        return self.route(path, ["PATCH"], **settings)

    def delete(self, path: str, **settings: Any) -> Callable[[AnyFunction], AnyFunction]:
        """`route` for DELETE."""
        return self.route(path, ["DELETE"], **settings)

    def route(
        self, path: str, methods: Iterable[str] = ("GET",), **settings: Any
    ) -> Callable[[AnyFunction], AnyFunction]:
        """Decorate a view with a path and its methods; the view itself is returned, and may be decorated again. See
        `add_route` for `settings` and errors."""
        if not isinstance(path, str):
            raise TypeError(f'a route is @app.get("/path"), with the path in brackets; this one has {path!r}')

        def decorate(view: AnyFunction) -> AnyFunction:
            self.add_route(path, view, methods, **settings)
            return view

        return decorate

    def add_route(
        self,
        path: str,
        view: View,
        methods: Iterable[str] = ("GET",),
        *,
        name: str | None = None,
        **options: Any,
    ) -> None:
        """Have `view` answer `path` (`/users/{id:int}`, or `/users/<int:id>`) for `methods`.

        The view takes the request, or nothing, and the path's parameters by their names. It may also find them in
        `request.path_params`. `name`: for `url_for`, instead of the view's own. `options`: members of `HandlerOptions`
        (`max_body=…`, `stream_body=True`, `blocking=True`), which win over those that the view was decorated with.

        Raises `PatternError` for a path that cannot be read, `ViewError` for a view that does not fit it,
        `RouteConflict` where another route has the same paths, and TypeError for an option that is none.
        """
        decorated = getattr(view, "salver_options", DEFAULT_OPTIONS)
        chosen = with_options(decorated, **options) if options else decorated
        route = Route(path, view, methods, self.converters, name, chosen)
        self._lookup.add(route, self.converters)

    def mount(self, prefix: str, handler: Handler, *, name: str | None = None) -> None:
        """Have `handler` answer every path at and below `prefix` that no route of this app has. What it sees as its
        path is what follows; `request.prefix` is what came before, as it was sent.

        `name`: `url_for("name.view")` finds the views of an App that is mounted. Raises `PatternError` for a prefix
        that has parameters, `RouteConflict` where something is mounted already, TypeError for what is no handler.
        """
        self._lookup.mount(Mount(prefix, handler, name))

    def url_for(self, view_name: str, /, **params: Any) -> str:
        """The path of a view by its name, percent-encoded: `url_for("show", id=5)`. What is no parameter of the path
        becomes the query. `url_for("blog.show", …)` is the view of an App mounted with `name="blog"`.

        It begins where this app begins: behind `request.prefix` where the app is mounted itself. Raises LookupError
        where there is no such view, or more than one, and ValueError for parameters that do not fit.
        """
        return url_for(self._lookup, view_name, params)

    @property
    def salver_debug(self) -> bool:
        """Does this app, or one below it, show tracebacks? A server then listens to this computer alone."""
        return self.debug or any(shows_tracebacks(mount.handler) for mount in self._lookup.mounts)

    # What runs around them

    def before_request(self, hook: AnyFunction) -> AnyFunction:
        """Decorate `hook(request)`, which runs before every view, mount and error page; what it returns, if not None,
        is the answer in their place."""
        check_takes(hook, "the before hook", "request")
        self._hooks.before = [*self._hooks.before, hook]
        self._is_plain = False
        return hook

    def after_request(self, hook: AnyFunction) -> AnyFunction:
        """Decorate `hook(request, response)`, which runs with every response, error pages too, the last registered
        first; what it returns, if not None, takes the response's place."""
        check_takes(hook, "the after hook", "request", "response")
        self._hooks.after = [hook, *self._hooks.after]
        self._is_plain = False
        return hook

    def teardown(self, hook: AnyFunction) -> AnyFunction:
        """Decorate `hook(request, error)`, which runs at the end whatever happened, the last registered first; `error`
        is what was raised, or None. A streamed body has not been sent by then."""
        check_takes(hook, "the teardown hook", "request", "error")
        self._hooks.teardown = [hook, *self._hooks.teardown]
        self._is_plain = False
        return hook

    def errorhandler(self, what: Key) -> Callable[[AnyFunction], AnyFunction]:
        """Decorate `handler(request, error)`, which makes the page for a status (`404`) or a class of exceptions. Where
        it chooses no status itself, the page has the error's. 500 is also for every exception that has no handler.

        A handler of `Exception` gets what nobody meant to raise; not what `abort` does. What an app that is mounted has
        no handler for, the app above it answers.
        """

        def decorate(handler: AnyFunction) -> AnyFunction:
            check_takes(handler, "the error handler", "request", "error")
            self._errors.add(what, handler)
            return handler

        return decorate

    def use(self, middleware: Middleware) -> None:
        """Put `middleware` (a function from Handler to Handler) around everything above; the last one is the
        outermost. Raises TypeError for one that gives no handler back."""
        chain = middleware(self._chain)
        if not callable(chain):
            raise TypeError(f"a middleware returns a handler; {middleware!r} has returned {chain!r}")
        self._chain = chain
        self._is_plain = False

    # Requests

    def __call__(self, request: Request) -> Any:
        """The answer to `request`: a Response, or a view's text."""
        if self._logs_heads(DEBUG) and not request.prefix:
            log_head(request)
        try:
            if not self._is_plain:
                return self._chain(request)
            values: list[Any] = []
            found: Found | None = None
            if not request.prefix:
                found = self._find_at_once(request.target, request.method, values)
            if found is None:
                found = self._lookup.find(request, values)
            if found.__class__ is Route:
                request.enter(found.site)
                if values:
                    request.matched = found.names, values
                    result = found.call(request, *values)
                else:
                    result = found.call(request)
                return result if result.__class__ is str else checked(result, request, found.view)
            self._enter(request, found, values)
            return self._run(request, found)
        except Exception as error:
            if not self._is_plain and request.attributes.pop(_UNANSWERED, None) is error:
                raise  # `_answer` has asked already
            return self._failed(request, error)

    def salver_options_for(self, request: Request) -> HandlerOptions:
        """How the route or the mounted handler of `request` wants to be run."""
        found = self._lookup.find(request, [])
        if isinstance(found, Route):
            return found.options
        if not isinstance(found, Mount):
            return DEFAULT_OPTIONS
        prefix = request.prefix
        request.prefix = found.prefix_of(request)
        try:
            return options_of(found.handler, request)
        finally:
            request.prefix = prefix

    def _answer(self, request: Request) -> Response:
        """With everything around it."""
        values: list[Any] = []
        found = self._lookup.find(request, values)
        self._enter(request, found, values)
        hooks = self._hooks
        raised: BaseException | None = None
        try:
            try:
                result = hooks.run_before(request)
                response = as_response(self._run(request, found) if result is None else result, request)
            except Exception as error:
                raised = error
                response = self._failed_inside(request, error)
            response = hooks.run_after(request, response)
        except BaseException as error:
            raised = raised or error
            hooks.run_teardown(request, raised)
            raise
        try:
            hooks.run_teardown(request, raised)
        except BaseException:
            response.close()
            raise
        return response

    def _enter(self, request: Request, found: Found, values: list[Any]) -> None:
        """Tell the server who is going to run, before anything has. Raises through us where nobody may block now."""
        if isinstance(found, Route):
            request.matched = found.names, values
            request.enter(found.site)
        elif isinstance(found, Mount) and found.site is not None:
            request.enter(found.site)

    def _run(self, request: Request, found: Found) -> Any:
        """What was found, run: a Response, or a view's text."""
        if isinstance(found, Route):
            result = found.call(request, *request.matched[1])
            return result if result.__class__ is str else checked(result, request, found.view)
        if isinstance(found, Mount):
            prefix = request.prefix
            request.prefix = found.prefix_of(request)
            try:
                response = as_response(found.handler(request), request)
            finally:
                request.prefix = prefix
            if self._errors and isinstance(response, Problem):
                error = response.error
                if self._errors.maybe_for(error) is not None:
                    raise error  # a folder's 404, say, is a page of this app as well
            return response
        if isinstance(found, HTTPError):
            raise found
        return found

    def _failed(self, request: Request, error: Exception) -> Response:
        """The page for what was raised. Raises it again where there is none: to the app above, or to the server, which
        logs it and answers 500. A body that did not arrive is the server's affair anyway."""
        page = None if isinstance(error, RequestBodyError) else self._errors.maybe_for(error)
        if page is None:
            return self._failed_without_page(request, error)
        meant = isinstance(error, HTTPError)
        if not meant and not self._errors.expects(error):
            note_failure(request, error)
        try:
            result = page(request, error)
            response = completed(checked(result, request, page), error, chosen=chooses_status(result))
            response = finished(request, response)
        except Exception as failure:
            if not meant and getattr(failure, "status", 500) >= 500:
                log_failure(logger, "failed", request, error)
            return self._failed_without_page(request, failure)
        if not meant and response.status >= 500:  # what an app makes a 4xx of is its client's affair
            log_failure(logger, "failed", request, error)
        return response

    def _failed_inside(self, request: Request, error: Exception) -> Response:
        """`_failed`, below what is put around everything: what has no answer here is not asked about again above."""
        try:
            return self._failed(request, error)
        except Exception as failure:
            request.attributes[_UNANSWERED] = failure
            raise

    def _failed_without_page(self, request: Request, error: Exception) -> Response:
        """Raises what whoever has mounted this app, or the server, has to answer and to log."""
        if isinstance(error, HTTPError) and not request.prefix:
            return problem_of(request, error)
        if isinstance(error, HTTPError) and self._hooks.after:
            return passing_problem_of(request, error)  # for them to see; the app above may have a page of its own
        if self.debug and not isinstance(error, HTTPError):
            from salver.app.debug_page import debug_page, may_see

            if may_see(request):
                log_failure(logger, "failed", request, error)
                note_failure(request, error)
                return finished(request, debug_page(request, error))
        raise error
