import io

from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import TestCase

from chevupload.testing import isolated, picture
from gallery.uploads import chevupload


class UploadTestCase(TestCase):
    def setUp(self):
        self.folder = self.enterContext(isolated(chevupload.component))
        self.ann = get_user_model().objects.create_user("ann", is_staff=True)
        self.eve = get_user_model().objects.create_user("eve")

    def file(self):
        return SimpleUploadedFile("photo.png", picture())


class TestUploads(UploadTestCase):
    def test_a_program_uploads(self):
        key = chevupload.component.key_store.add_key(str(self.ann.pk)).key
        answer = self.client.post("/up/api/1/upload", {"source": self.file()}, headers={"X-API-Key": key})
        self.assertEqual(answer.json()["image"]["width"], 64)
        self.assertEqual(len(list(self.folder.rglob("photo.png"))), 1)

    def test_a_form_uploads_within_the_users_own_limit(self):
        self.client.force_login(self.ann)
        self.assertEqual(self.client.post("/add", {"picture": self.file()}).status_code, 302)
        self.client.force_login(self.eve)
        self.assertEqual(self.client.post("/add", {"picture": self.file()}).status_code, 413)
        self.assertContains(self.client.get("/up/upload"), 'data-max-bytes="1000"')

    def test_the_command(self):
        output = io.StringIO()
        call_command("chevupload", "check", stdout=output)
        self.assertEqual(output.getvalue(), "0 uploads checked\n")
