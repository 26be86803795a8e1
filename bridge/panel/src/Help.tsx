import { KEYS } from "./keys";
import { helping } from "./store";

export function Help() {
  if (!helping.value) return null;
  return (
    <div class="help" role="dialog" aria-modal="true" aria-label="Keys" tabIndex={-1} ref={(box) => box?.focus()} onClick={() => (helping.value = false)}>
      <table>
        <tbody>
          {Object.entries(KEYS).map(([key, [, words]]) => (
            <tr key={key}><th><kbd>{key === " " ? "Space" : key === "?" ? "?" : key.length === 1 ? key.toUpperCase() : key}</kbd></th><td>{words}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
