// Keys of a room for as long as it is shown: a letter or a name of a key → what it does.
import { useEffect } from "preact/hooks";

export function useKeys(keys) {
  useEffect(() => {
    const pressed = event => {
      const of = event.target;
      if (event.ctrlKey || event.metaKey || event.altKey || /select|textarea/i.test(of.tagName)) return;
      if (/input/i.test(of.tagName) && (of.type !== "range" || event.key.startsWith("Arrow"))) return;
      if ((event.key === " " || event.key === "Enter") && /^(button|summary|a)$/i.test(of.tagName)) return;
      const act = keys[event.key];
      if (!act) return;
      event.preventDefault();
      act(event);
    };
    addEventListener("keydown", pressed);
    document.getElementById("room").focus({ preventScroll: true }); // no longer on the link that led here
    return () => removeEventListener("keydown", pressed);
  }, []);
}
