// Uploads with PicGo and its plugin web-uploader: KEY, what is given, the file, the address of a Chevereto.
// The plugin tells of failures by notifications, which PicGo's window shows.

const path = require("path");
const { PicGo } = require("picgo");

const [key, , source, address] = process.argv.slice(2);
const picgo = new PicGo(path.join(process.env.HOME, "picgo.json"));
picgo.use(require("picgo-plugin-web-uploader"), "web-uploader");
picgo.setConfig({
  silent: true,
  "picBed.uploader": "web-uploader",
  "picBed.web-uploader": {
    url: `${address}/api/1/upload`,
    paramName: "source",
    jsonPath: "image.url",
    customHeader: JSON.stringify({ "X-API-Key": key }),
    customBody: JSON.stringify({ format: "json" }),
  },
});
picgo.on("notification", (notification) => {
  console.error(notification.title, notification.body);
  process.exitCode = 1;
});
picgo.upload([source]).then((output) => console.log(JSON.stringify({ url: output[0].imgUrl })));
