// A filter as a person makes it: a column, a test, a value; as often as wanted.
import { html } from "htm/preact";
import { conditions, server } from "./state.js";

const TESTS = { number: ["=", "≠", "<", "≤", ">", "≥"], text: ["=", "≠", "contains"], flag: ["=", "≠"] };

export function Filter() {
  const columns = server.value?.rows?.columns ?? [];
  if (!columns.length) return null;
  const all = conditions.value;
  const change = (place, part) => (conditions.value = all.map((one, i) => (i === place ? { ...one, ...part } : one)));
  const add = () => {
    const column = columns.find(one => one.values?.length > 1) ?? columns[0];
    conditions.value = [...all, { column: column.name, test: "=", value: column.values?.[0] ?? "" }];
  };
  return html`<fieldset class="filter">
    <legend>Filter</legend>
    ${all.map((one, place) => {
      const column = columns.find(each => each.name === one.column) ?? columns[0];
      const values = column.kind === "flag" ? ["true", "false"] : column.values ?? [];
      const set = event => change(place, { value: event.target.value });
      return html`<div class="condition" key=${place}>
        <select aria-label="Column" value=${one.column} onChange=${event => {
          const next = columns.find(each => each.name === event.target.value);
          change(place, { column: next.name, test: "=", value: next.values?.[0] ?? "" });
        }}>${columns.map(each => html`<option value=${each.name}>${each.name}</option>`)}</select>
        <select aria-label="Test" value=${one.test} onChange=${event => change(place, { test: event.target.value })}>
          ${TESTS[column.kind].map(test => html`<option value=${test}>${test}</option>`)}
        </select>
        ${values.length && one.test !== "contains"
          ? html`<select aria-label="Value" value=${one.value} onChange=${set}>${values.map(value => html`<option value=${value}>${value}</option>`)}</select>`
          : html`<input aria-label="Value" type=${column.kind === "number" ? "number" : "text"} step="any" value=${one.value} onChange=${set} />`}
        <button class="icon" aria-label="Remove this condition" onClick=${() => (conditions.value = all.filter((_, i) => i !== place))}>×</button>
      </div>`;
    })}
    <button onClick=${add}>${all.length ? "And …" : "Add a condition"}</button>
  </fieldset>`;
}

// those that are whole, so that one being typed does not fail
export function whole(all) {
  return all.filter(one => one.value !== "" || one.test === "contains").filter(one => one.value !== "");
}
