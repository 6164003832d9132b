from django.contrib import admin

from shop.models import Thing

admin.site.register(Thing)
