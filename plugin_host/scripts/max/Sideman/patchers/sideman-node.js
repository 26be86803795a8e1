// The program of the object `node.script`: the UDP socket, the timer, and Max's messages. All thought is in
// sideman-link.js. Where the daemon listens is HOST:PORT in daemon.txt of this package, else 127.0.0.1:9130.

"use strict";

const dgram = require("dgram");
const fs = require("fs");
const path = require("path");
const maxApi = require("max-api");
const { Link } = require("./sideman-link.js");
const osc = require("./sideman-osc.js");

const DEFAULT = { host: "127.0.0.1", port: 9130 };
const ADDRESS_FILE = path.join(__dirname, "..", "daemon.txt");
const TICK_MS = 100;
const MOST_BYTES = 65507;

function parseAddress(text) {
  const found = /^\[?([^\s[\]]+)\]?:(\d{1,5})$/.exec(text.trim());
  return found && Number(found[2]) > 0 && Number(found[2]) < 65536 ? { host: found[1], port: Number(found[2]) } : null;
}

function addressOfFile() {
  try {
    return parseAddress(fs.readFileSync(ADDRESS_FILE, "utf8").split("\n")[0]) || DEFAULT;
  } catch (error) {
    return DEFAULT;
  }
}

// Live wants a path that begins with the volume on macOS: the start volume is a link to / there.
function spellings(file) {
  if (process.platform !== "darwin" || file.startsWith("/Volumes/")) {
    return [file];
  }
  try {
    const volumes = fs.readdirSync("/Volumes").map((name) => path.join("/Volumes", name));
    const start = volumes.find((volume) => fs.realpathSync(volume) === "/");
    return start ? [start + file, file] : [file];
  } catch (error) {
    return [file];
  }
}

class Socket {
  constructor(address, heard) {
    this.address = address;
    this.open = true;
    this.socket = dgram.createSocket(address.host.includes(":") ? "udp6" : "udp4");
    this.socket.on("error", () => {}); // a daemon that is not there: the silence is told
    this.socket.on("message", (bytes, sender) => {
      if (sender.port !== address.port) {
        return;
      }
      let message;
      try {
        message = osc.decode(bytes);
      } catch (error) {
        return; // what is no message is passed over
      }
      heard(message.address, message.args);
    });
  }

  send(address, tags, args, sent = () => {}) {
    let bytes;
    try {
      bytes = osc.encode(address, tags, args);
      if (bytes.length > MOST_BYTES) {
        throw new RangeError(`${address} is too long to be sent`);
      }
    } catch (error) {
      maxApi.post(`Sideman: ${error.message}`, maxApi.POST_LEVELS.WARN);
      return;
    }
    if (this.open) {
      this.socket.send(bytes, this.address.port, this.address.host, sent);
    }
  }

  close() {
    if (this.open) {
      this.open = false;
      this.socket.close();
    }
  }
}

let socket = null;
const link = new Link({
  send: (address, tags, args) => socket && socket.send(address, tags, args),
  out: (...atoms) => maxApi.outlet(...atoms),
  clock: () => performance.now(),
  spellings,
});

function connect(address) {
  if (socket) {
    link.close();
    socket.close();
  }
  socket = new Socket(address, (name, args) => link.heard(name, args));
  link.start();
}

const handlers = {
  live: (there) => link.live(there),
  tell: (...args) => link.tell(...args),
  chart: (kind, length) => link.chartBegins(kind, length),
  note: (...args) => link.note(...args),
  chart_end: () => link.chartEnds(),
  placed: (...args) => link.placed(...args),
  failed: (...args) => link.failed(...args),
  say: (...words) => link.say(words.join(" ")),
  daemon: (...words) => {
    const address = parseAddress(words.join(""));
    if (address) {
      connect(address);
    } else {
      link.say(`${words.join(" ")} is no address: write HOST:PORT, as 127.0.0.1:9130.`);
    }
  },
};
for (const selector of ["generate", "next", "keep", "cancel", "play", "stop", "tempo", "meter", "bars", "takes", "seed"]) {
  handlers[selector] = (...args) => link.command(selector, ...args);
}
for (const selector of ["key", "prompt", "progression", "engine", "target", "trigger"]) {
  handlers[selector] = (...args) => link.command(selector, ...args);
}
maxApi.addHandlers(handlers);

connect(addressOfFile());
maxApi.outlet("live", "bang"); // the object in Live may have been ready before this program was
const timer = setInterval(() => link.tick(), TICK_MS);

function close() {
  clearInterval(timer);
  if (socket) {
    link.close();
    socket.send("/sideman/ping", "", [], () => socket.close()); // when this is sent, so is what was said before
  }
}

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    close();
    setTimeout(() => process.exit(0), 200).unref();
  });
}

module.exports = { close, parseAddress };
