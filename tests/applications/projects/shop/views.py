from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.template import engines

from shop.models import Thing

PAGE = "<ul>{% for thing in things %}<li>{{ thing.name }}: {{ thing.price }}</li>{% endfor %}</ul>"


def things(request):
    page = engines["django"].from_string(PAGE)
    return HttpResponse(page.render({"things": Thing.objects.order_by("name")}, request))


def export(request):
    """A cursor that is read while the response leaves: it belongs to one thread."""
    names = Thing.objects.order_by("pk").values_list("name", flat=True).iterator(chunk_size=10)
    return StreamingHttpResponse((f"{name}\n" * 6_000 for name in names), content_type="text/plain")


def source(request):
    return FileResponse(open(__file__, "rb"), content_type="text/x-python")


def upload(request):
    file = request.FILES["file"]
    return HttpResponse(f"{file.name} {sum(len(chunk) for chunk in file.chunks())}")


def body(request):
    return HttpResponse(f"{len(request.body)} of {request.META.get('CONTENT_LENGTH')}")
