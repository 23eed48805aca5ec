import io
import unittest

from site_app import application, uploads
from werkzeug.test import Client

from chevupload.testing import isolated, picture


class TestSite(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(isolated(uploads))

    def test_a_program_uploads(self):
        data = {"key": "anybody", "source": (io.BytesIO(picture()), "a.png")}
        answer = Client(application).post("/api/1/upload", data=data)
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(len(list(self.folder.rglob("a.png"))), 1)

    def test_the_hosts_own_pages_and_a_users_limit(self):
        self.assertIn("own page", Client(application).get("/").text)
        page = Client(application).get("/upload", environ_overrides={"REMOTE_USER": "ann"}).text
        self.assertIn('data-max-bytes="1000"', page)


if __name__ == "__main__":
    unittest.main()
