from django.contrib import admin
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from shop import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("things/", views.things),
    path("export/", views.export),
    path("source/", views.source),
    path("upload/", csrf_exempt(views.upload)),
    path("body/", csrf_exempt(views.body)),
]
