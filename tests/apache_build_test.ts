/** How apache/Makefile builds the module, and what it says where it cannot. @module */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { manualPage } from "../apache/manual.ts";
import { exists, needs, temporaryFolder } from "../lib/testing.ts";
import { buildModule } from "./support/httpd.ts";

const APACHE = new URL("../apache/", import.meta.url).pathname;

async function make(
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = await new Deno.Command("make", {
    args: ["-C", APACHE, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  return {
    code: output.code,
    stdout: text.decode(output.stdout),
    stderr: text.decode(output.stderr),
  };
}

Deno.test(
  "make check finds no warning, with gcc's analyzer",
  needs(
    exists("/usr/bin/make") && exists("/usr/bin/apxs"),
    "apxs is not installed",
  ),
  async () => {
    const { code, stderr } = await make(["check"]);
    equal([code, stderr], [0, ""]);
  },
);

Deno.test(
  "make without apxs says which package has it",
  needs(exists("/usr/bin/make"), "make is not installed"),
  async () => {
    // --always-make: the module may have been built before.
    const { code, stdout, stderr } = await make([
      "--always-make",
      "all",
      "APXS=no-such-apxs",
    ]);
    ok(code !== 0 && !stdout.includes("no-such-apxs -c"));
    ok(
      stderr.includes(
        "Cannot find no-such-apxs: install apache2-dev (Debian, Ubuntu) or httpd-devel",
      ),
      stderr,
    );
  },
);

Deno.test(
  "make test: the sender connects when that may help, and only then",
  needs(
    exists("/usr/bin/make") && exists("/usr/bin/cc"),
    "no C compiler is installed",
  ),
  async () => {
    const { code, stderr } = await make(["test"]);
    equal([code, stderr], [0, ""]);
  },
);

/** Undefined symbols of the module, with the version of the C library they ask for. */
async function needed(): Promise<{ name: string; version: string }[]> {
  const output = await new Deno.Command("objdump", {
    args: ["-T", await buildModule()],
    stdout: "piped",
  }).output();
  return new TextDecoder().decode(output.stdout).split("\n")
    .filter((line) => line.includes("*UND*"))
    .map((line) => {
      // `... *UND*  0000000000000000 (GLIBC_2.17) clock_gettime`; "Base" where there are no versions.
      const [version = "", name = ""] = line.split(/\s+/).slice(-2);
      return { name, version };
    });
}

/**
 * What httpd 2.4.37 (module magic number 20120211.83) and the APR 1.6.3 and APR-util 1.6.1 of Enterprise Linux 8 have, as far as
 * the module uses it. Each name was looked up in the headers of these tags of
 * apache/httpd, apache/apr and apache/apr-util:
 *
 *     git grep -E 'AP_DECLARE.*[ *](ap_log_error_|ap_str_tolower)\(' 2.4.37 -- include
 *     git grep -E 'AP_DECLARE_HOOK\([a-z]+, *(check_config|child_init|...),' 2.4.37 -- include
 *     git grep -E 'AP[RU]_DECLARE.*[ *]apr_[a-z0-9_]+\(' 1.6.3 -- include     # but for
 *     git grep -E 'APU_DECLARE.*[ *]apr_dynamic_fn_retrieve\(' 1.6.1 -- include
 */
const OLD_HTTPD = `
  ap_hook_check_config ap_hook_child_init
  ap_hook_log_transaction ap_hook_optional_fn_retrieve ap_hook_post_config ap_hook_post_read_request
  ap_hook_pre_connection ap_log_error_ ap_str_tolower
  apr_array_append apr_array_make apr_array_push apr_dynamic_fn_retrieve apr_os_sock_get apr_palloc 
  apr_pmemdup apr_pool_cleanup_null apr_pool_cleanup_register apr_psprintf apr_pstrdup
  apr_shm_baseaddr_get apr_shm_create apr_strtoi64 apr_table_elts apr_table_get apr_time_now
  apr_cpystrn
`.trim().split(/\s+/);

const MODULE = needs(
  exists("/usr/bin/apxs") && exists("/usr/bin/objdump"),
  "apxs is not installed",
);

Deno.test(
  "the module runs on httpd 2.4.37 with glibc 2.28: it asks for nothing newer",
  MODULE,
  async () => {
    const symbols = await needed();
    ok(symbols.length > 30);
    const newer = symbols.filter(({ version }) => {
      const [, major, minor] = /^\(GLIBC_(\d+)\.(\d+)/.exec(version) ?? [];
      return major !== undefined &&
        (Number(major) > 2 || Number(minor) > 28);
    });
    equal(newer, []);
    const ofHttpd = symbols.map(({ name }) => name)
      .filter((name) => /^apr?_/.test(name));
    equal(ofHttpd.filter((name) => !OLD_HTTPD.includes(name)), []);
    // Everything else is of the C library, whose versions were compared.
    equal(
      symbols.filter(({ name, version }) =>
        !version.startsWith("(GLIBC_") &&
        !/^(apr?_|_ITM_|__gmon_start__)/.test(name)
      ),
      [],
    );
  },
);

Deno.test(
  "the module has no memory but that of pools and of the stack, and never waits",
  MODULE,
  async () => {
    const names = (await needed()).map(({ name }) => name);
    const refused =
      /^(malloc|calloc|realloc|free|strdup|aligned_alloc|mmap|poll|select|usleep|nanosleep|sleep|pthread_.*lock.*|sem_.*)$/;
    equal(names.filter((name) => refused.test(name)), []);
    ok(names.includes("send") && names.includes("apr_palloc"));
  },
);

Deno.test("manualPage() has every section and directive, and groff takes it as it is", async () => {
  const docs = await Deno.readTextFile(
    new URL("../docs/apache-module.md", import.meta.url),
  );
  const page = manualPage(docs);
  const titles = (prefix: string, text: string) =>
    text.split("\n").filter((line) => line.startsWith(prefix))
      .map((line) => line.slice(prefix.length).toUpperCase());
  equal(
    titles(".SH ", page).filter((title) => titles("## ", docs).includes(title)),
    titles("## ", docs),
  );
  equal(titles(".SS ", page), titles("### ", docs));
  ok(!/^\||^#|\*\*/m.test(page));
  if (!exists("/usr/bin/groff")) return;
  await using temporary = await temporaryFolder();
  const path = `${temporary.path}/mod_reqin_log.8`;
  await Deno.writeTextFile(path, page);
  const { success, stderr } = await new Deno.Command("groff", {
    args: ["-man", "-Tutf8", "-ww", "-t", path],
    stdout: "null",
    stderr: "piped",
  }).output();
  equal([success, new TextDecoder().decode(stderr)], [true, ""]);
});
