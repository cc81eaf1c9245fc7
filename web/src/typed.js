// An input whose text counts once it is left or Enter is pressed: a redraw does not write over what is being typed.
import { html } from "htm/preact";
import { useState } from "preact/hooks";

export function Typed({ value, take, ...rest }) {
  const [text, setText] = useState(null); // while it is being typed
  return html`<input ...${rest} value=${text ?? value} onInput=${event => setText(event.target.value)} onBlur=${() => setText(null)}
    onChange=${event => { take(event.target.value); setText(null); }} />`;
}
