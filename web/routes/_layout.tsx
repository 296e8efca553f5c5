import { Shell } from "../components/shell.tsx";
import { define } from "../utils.ts";

/** Navigation and top bar around what a page shows. A page gives its own <h1>. */
export default define.layout(({ Component, state, url, route }) => (
  <Shell
    url={url}
    route={route}
    user={state.user}
    preferences={state.preferences}
    range={state.range}
    databaseDown={state.accountsDown}
    late={state.late}
  >
    <Component />
  </Shell>
));
