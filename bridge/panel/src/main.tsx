import { render } from "preact";
import { Panel } from "./Panel";
import "./panel.css";
import { daemon, follow } from "./store";

const root = document.getElementById("panel");
if (root) {
  daemon.connect();
  follow();
  render(<Panel />, root);
}
