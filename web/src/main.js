// The studio's page: a shell and its rooms. Nothing here is asked of any other machine.
import { render } from "preact";
import { html } from "htm/preact";
import { listen } from "./live.js";
import { Shell } from "./shell.js";

listen();
render(html`<${Shell} />`, document.getElementById("app"));
