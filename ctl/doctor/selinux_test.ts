import assert from "node:assert/strict";
import { denialsOf } from "./selinux.ts";

/** A line as auditd writes it, with what is special of it. */
function avc(fields: string, actions = "write"): string {
  return `type=AVC msg=audit(1795400000.123:456): avc:  denied  { ${actions} } for  pid=812 ${fields}`;
}

const HTTPD = "scontext=system_u:system_r:httpd_t:s0";
const RUN = "tcontext=system_u:object_r:var_run_t:s0 tclass=sock_file";

Deno.test.each([
  {
    name: "httpd at the socket, without our policy",
    line: avc(
      `comm="httpd" name="http.socket" dev="tmpfs" ino=99 ${HTTPD} ${RUN} permissive=0`,
    ),
    want: {
      action: "write",
      program: "httpd",
      source: "httpd_t",
      object: "http.socket",
      target: "var_run_t",
      permissive: false,
    },
  },
  {
    name: "by a path, in hexadecimal, while permissive",
    line: avc(
      `comm=6E67696E783A20776F726B6572 path=2F72756E2F6A61342F680A74 ${HTTPD} tcontext=system_u:object_r:ja4_run_t:s0:c1 tclass=sock_file permissive=1`,
      "write getattr",
    ),
    want: {
      action: "write getattr",
      program: "nginx: worker",
      source: "httpd_t",
      object: "/run/ja4/h\nt",
      target: "ja4_run_t",
      permissive: true,
    },
  },
  {
    name: "our own program, at something without a name",
    line: avc(
      `comm="deno" scontext=system_u:system_r:unconfined_service_t:s0 tcontext=system_u:system_r:init_t:s0 tclass=unix_dgram_socket permissive=0`,
      "sendto",
    ),
    want: {
      action: "sendto",
      program: "deno",
      source: "unconfined_service_t",
      object: "unix_dgram_socket",
      target: "init_t",
      permissive: false,
    },
  },
])("denialsOf() reads $name", ({ line, want }) => {
  assert.deepEqual(denialsOf(`${line}\n`), [{
    atMs: 1795400000123,
    ...want,
  }]);
});

Deno.test.each([
  {
    name: "another's trouble",
    line: avc(
      `comm="httpd" name="index.html" ${HTTPD} tcontext=unconfined_u:object_r:user_home_t:s0 tclass=file permissive=0`,
      "read",
    ),
  },
  {
    name: "what was granted",
    line:
      'type=AVC msg=audit(1.0:1): avc:  granted  { write } for  pid=1 comm="ja4"',
  },
  {
    name: "another record",
    line: 'type=SYSCALL msg=audit(1.0:1): comm="ja4" key=(null)',
  },
  { name: "half a line", line: "type=AVC msg=audit(17954" },
  { name: "nothing", line: "" },
])("denialsOf() leaves out $name", ({ line }) => {
  assert.deepEqual(denialsOf(line), []);
});
