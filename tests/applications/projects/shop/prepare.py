"""The database: its tables, an administrator, and three hundred things."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command

from shop.models import Thing

call_command("migrate", run_syncdb=True, verbosity=0)
User.objects.create_superuser("admin", "admin@shop.example", "open sesame")
Thing.objects.bulk_create(Thing(name=f"thing {number:03}", price=number) for number in range(300))
