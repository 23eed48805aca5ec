from chevupload.contrib.django_command import UploadsCommand
from gallery.uploads import chevupload


class Command(UploadsCommand):
    uploads = chevupload
