// Uploads with imgbb-uploader: KEY, what is given, the file, base64 or URL, and perhaps the address of a Chevereto.

const upload = require("imgbb-uploader");

const [key, given, source, cheveretoHost] = process.argv.slice(2);
const name = { file: "imagePath", base64: "base64string", url: "imageUrl" }[given];
upload({ apiKey: key, [name]: source, cheveretoHost }).then(
  (reply) => console.log(JSON.stringify(cheveretoHost ? reply.image : reply)),
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
