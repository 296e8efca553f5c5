#include "settings.h"

#include "http_log.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include <string.h>

#define UNSET (-1)

/* The headers that detection reads (lib/events.ts, columns of http_events). */
static const char *const default_headers[] = {
    "user-agent",      "referer",           "accept",          "accept-language",
    "accept-encoding", "content-type",      "sec-ch-ua",       "sec-ch-ua-mobile",
    "sec-ch-ua-platform", "sec-fetch-site", "sec-fetch-mode",  "sec-fetch-dest",
    "x-forwarded-for",
};

/* Headers whose value is a credential. Their values never leave the server, whatever is configured. */
static const char *const credentials[] = {
    "authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token",
};

/* Parameters of a URL that commonly are credentials; their values are never sent either. */
static const char *const secret_parameters[] = {
    "access_token", "api-key",       "api_key",    "apikey",
    "auth",         "auth_token",    "client_secret", "id_token",
    "jsessionid",   "jwt",           "pass",       "passwd",
    "password",     "phpsessid",     "pwd",        "refresh_token",
    "secret",       "session",       "session_id", "sessionid",
    "sid",          "sig",           "signature",  "token",
    "x-amz-credential", "x-amz-security-token", "x-amz-signature", "x-goog-signature",
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* A directive that takes an integer. */
typedef struct {
    size_t offset; /* Of its int in reqin_settings. */
    int min;
    int max;
} number_rule;

#define NUMBER_RULE(name, field, least, most)                                                     \
    static number_rule name = {offsetof(reqin_settings, field), least, most}

NUMBER_RULE(max_headers_rule, max_headers, 1, 512);
NUMBER_RULE(max_value_rule, max_value, 16, 8192);
NUMBER_RULE(max_event_rule, max_event, REQIN_EVENT_SIZE_MIN, REQIN_EVENT_SIZE_MAX);
NUMBER_RULE(reconnect_rule, reconnect_s, 0, 86400);
NUMBER_RULE(report_rule, report_s, 1, 86400);

extern module AP_MODULE_DECLARE_DATA reqin_log_module;

static reqin_settings *settings_of(const cmd_parms *cmd)
{
    return ap_get_module_config(cmd->server->module_config, &reqin_log_module);
}

void *reqin_settings_create(apr_pool_t *pool, server_rec *server)
{
    reqin_settings *s = apr_pcalloc(pool, sizeof *s);

    (void)server;
    s->enabled = UNSET;
    s->max_headers = UNSET;
    s->max_value = UNSET;
    s->max_event = UNSET;
    s->reconnect_s = UNSET;
    s->report_s = UNSET;
    s->level = UNSET;
    s->phase = REQIN_PHASE_UNSET;
    return s;
}

static int pick(int virtual_host, int base)
{
    return virtual_host != UNSET ? virtual_host : base;
}

/* What the main server hides, no virtual host can show. */
static apr_array_header_t *both(apr_pool_t *pool, apr_array_header_t *base,
                                apr_array_header_t *virtual_host)
{
    if (base == NULL || virtual_host == NULL)
        return base != NULL ? base : virtual_host;
    return apr_array_append(pool, base, virtual_host);
}

void *reqin_settings_merge(apr_pool_t *pool, void *base, void *virtual_host)
{
    const reqin_settings *b = base;
    const reqin_settings *v = virtual_host;
    reqin_settings *s = apr_pcalloc(pool, sizeof *s);

    s->enabled = pick(v->enabled, b->enabled);
    s->max_headers = pick(v->max_headers, b->max_headers);
    s->max_value = pick(v->max_value, b->max_value);
    s->max_event = pick(v->max_event, b->max_event);
    s->reconnect_s = pick(v->reconnect_s, b->reconnect_s);
    s->report_s = pick(v->report_s, b->report_s);
    s->level = pick(v->level, b->level);
    s->phase = v->phase != REQIN_PHASE_UNSET ? v->phase : b->phase;
    s->socket = v->socket != NULL ? v->socket : b->socket;
    s->headers = v->headers != NULL ? v->headers : b->headers;
    s->redact = both(pool, b->redact, v->redact);
    s->secrets = both(pool, b->secrets, v->secrets);
    return s;
}

static bool contains(const reqin_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name.bytes, name) == 0)
            return true;
    }
    return false;
}

/* Adds the names that are not there yet. */
static bool add_fields(reqin_field *fields, size_t *count, const char *const *names, int n,
                       bool redacted)
{
    for (int i = 0; i < n; i++) {
        if (contains(fields, *count, names[i]))
            continue;
        if (*count == REQIN_FIELDS_MAX)
            return false;
        fields[*count].name = reqin_text_of(names[i]);
        fields[*count].redacted = redacted;
        (*count)++;
    }
    return true;
}

static bool add_array(reqin_field *fields, size_t *count, const apr_array_header_t *names,
                      bool redacted)
{
    return names == NULL ||
           add_fields(fields, count, (const char *const *)(const void *)names->elts, names->nelts,
                      redacted);
}

/* Makes the list of parameters to hide. Returns an error message or NULL. */
static const char *finish_secrets(apr_pool_t *pool, reqin_settings *s)
{
    const int more = s->secrets != NULL ? s->secrets->nelts : 0;
    const int count = COUNT(secret_parameters) + more;
    reqin_text *names = apr_palloc(pool, (size_t)count * sizeof *names);

    if (count > REQIN_SECRETS_MAX)
        return apr_psprintf(pool, "JsonSockLogRedactQuery: at most %d names, got %d",
                            REQIN_SECRETS_MAX - COUNT(secret_parameters), more);
    for (int i = 0; i < COUNT(secret_parameters); i++)
        names[i] = reqin_text_of(secret_parameters[i]);
    for (int i = 0; i < more; i++)
        names[COUNT(secret_parameters) + i] =
            reqin_text_of(APR_ARRAY_IDX(s->secrets, i, const char *));
    s->format.secrets.names = names;
    s->format.secrets.count = (size_t)count;
    return NULL;
}

const char *reqin_settings_finish(apr_pool_t *pool, reqin_settings *s)
{
    reqin_field *fields = apr_pcalloc(pool, REQIN_FIELDS_MAX * sizeof *fields);
    size_t count = 0;
    bool fits;

    s->enabled = pick(s->enabled, 0);
    s->max_headers = pick(s->max_headers, 25);
    s->max_value = pick(s->max_value, 256);
    s->max_event = pick(s->max_event, REQIN_EVENT_SIZE);
    s->reconnect_s = pick(s->reconnect_s, 10);
    s->report_s = pick(s->report_s, 10);
    s->level = pick(s->level, APLOG_WARNING);
    if (s->phase == REQIN_PHASE_UNSET)
        s->phase = REQIN_PHASE_END;
    if (s->socket == NULL)
        s->socket = "/run/ja4/http.socket";
    /* Redacted names come first: a name that is in both lists stays redacted. */
    fits = add_fields(fields, &count, credentials, COUNT(credentials), true) &&
           add_array(fields, &count, s->redact, true);
    if (fits && s->headers != NULL)
        fits = add_array(fields, &count, s->headers, false);
    else if (fits)
        fits = add_fields(fields, &count, default_headers, COUNT(default_headers), false);
    if (!fits)
        return apr_psprintf(pool,
                            "JsonSockLogHeaders and JsonSockLogRedact: at most %d names together, "
                            "the %d built-in credentials included",
                            REQIN_FIELDS_MAX, COUNT(credentials));
    s->format.fields = fields;
    s->format.field_count = count;
    s->format.value_max = (size_t)s->max_value;
    s->format.event_max = (size_t)s->max_event;
    return finish_secrets(pool, s);
}

static const char *set_enabled(cmd_parms *cmd, void *unused, int on)
{
    (void)unused;
    settings_of(cmd)->enabled = on;
    return NULL;
}

static const char *set_socket(cmd_parms *cmd, void *unused, const char *path)
{
    (void)unused;
    if (path[0] != '/' || strlen(path) > REQIN_PATH_MAX)
        return apr_psprintf(cmd->pool, "%s: expected an absolute path of at most %d bytes, got \"%s\"",
                            cmd->cmd->name, (int)REQIN_PATH_MAX, path);
    settings_of(cmd)->socket = path;
    return NULL;
}

static const char *set_number(cmd_parms *cmd, void *unused, const char *text)
{
    const number_rule *rule = cmd->info;
    char *end;
    /* Not strtol(): newer C libraries give it a name that older ones lack. */
    const apr_int64_t value = apr_strtoi64(text, &end, 10);

    (void)unused;
    if (!apr_isdigit(text[0]) || *end != '\0' || value < rule->min || value > rule->max)
        return apr_psprintf(cmd->pool, "%s: expected an integer from %d to %d, got \"%s\"",
                            cmd->cmd->name, rule->min, rule->max, text);
    *(int *)(void *)((char *)settings_of(cmd) + rule->offset) = (int)value;
    return NULL;
}

static const char *set_level(cmd_parms *cmd, void *unused, const char *text)
{
    static const struct {
        const char *name;
        int level;
    } levels[] = {
        {"EMERG", APLOG_EMERG},     {"ALERT", APLOG_ALERT},   {"CRIT", APLOG_CRIT},
        {"ERROR", APLOG_ERR},       {"ERR", APLOG_ERR},       {"WARNING", APLOG_WARNING},
        {"WARN", APLOG_WARNING},    {"NOTICE", APLOG_NOTICE}, {"INFO", APLOG_INFO},
        {"DEBUG", APLOG_DEBUG},
    };

    (void)unused;
    for (int i = 0; i < COUNT(levels); i++) {
        if (strcasecmp(text, levels[i].name) == 0) {
            settings_of(cmd)->level = levels[i].level;
            return NULL;
        }
    }
    return apr_psprintf(cmd->pool,
                        "%s: expected EMERG, ALERT, CRIT, ERROR, WARNING, NOTICE, INFO or DEBUG, "
                        "got \"%s\"",
                        cmd->cmd->name, text);
}

static const char *set_phase(cmd_parms *cmd, void *unused, const char *text)
{
    reqin_settings *s = settings_of(cmd);

    (void)unused;
    if (strcasecmp(text, "end") == 0)
        s->phase = REQIN_PHASE_END;
    else if (strcasecmp(text, "start") == 0)
        s->phase = REQIN_PHASE_START;
    else
        return apr_psprintf(cmd->pool, "%s: expected end or start, got \"%s\"", cmd->cmd->name,
                            text);
    return NULL;
}

/* A field name of RFC 9110, section 5.1, not longer than we keep. */
static bool is_field_name(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length <= REQIN_FIELD_NAME_MAX &&
           strspn(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == length;
}

static void add_lower(cmd_parms *cmd, apr_array_header_t **names, const char *name)
{
    char *lower = apr_pstrdup(cmd->pool, name);

    ap_str_tolower(lower);
    if (*names == NULL)
        *names = apr_array_make(cmd->pool, 16, sizeof(const char *));
    APR_ARRAY_PUSH(*names, const char *) = lower;
}

static const char *add_name(cmd_parms *cmd, apr_array_header_t **names, const char *name)
{
    if (!is_field_name(name))
        return apr_psprintf(cmd->pool,
                            "%s: expected the name of a header, 1 to %d letters, digits or dashes, "
                            "got \"%s\"",
                            cmd->cmd->name, REQIN_FIELD_NAME_MAX, name);
    add_lower(cmd, names, name);
    return NULL;
}

/* The word "default" stands for the built-in list, so that a name can be added to it. */
static const char *add_header(cmd_parms *cmd, void *unused, const char *name)
{
    reqin_settings *s = settings_of(cmd);
    const char *error = NULL;

    (void)unused;
    if (strcasecmp(name, "default") != 0)
        return add_name(cmd, &s->headers, name);
    for (int i = 0; i < COUNT(default_headers) && error == NULL; i++)
        error = add_name(cmd, &s->headers, default_headers[i]);
    return error;
}

static const char *add_redacted(cmd_parms *cmd, void *unused, const char *name)
{
    (void)unused;
    return add_name(cmd, &settings_of(cmd)->redact, name);
}

static const char *add_secret(cmd_parms *cmd, void *unused, const char *name)
{
    const size_t length = strlen(name);

    (void)unused;
    /* What separates parameters, and the percent sign, cannot be part of a decoded name. */
    if (length == 0 || length > REQIN_SECRET_NAME_MAX || strcspn(name, " %&;=/?#") != length)
        return apr_psprintf(cmd->pool,
                            "%s: expected the name of a URL parameter, 1 to %d bytes without "
                            "space, %%, &, ;, =, /, ? and #, got \"%s\"",
                            cmd->cmd->name, REQIN_SECRET_NAME_MAX, name);
    add_lower(cmd, &settings_of(cmd)->secrets, name);
    return NULL;
}

const command_rec reqin_directives[] = {
    AP_INIT_FLAG("JsonSockLogEnabled", set_enabled, NULL, RSRC_CONF,
                 "On or Off (default): send an event for every request"),
    AP_INIT_TAKE1("JsonSockLogSocket", set_socket, NULL, RSRC_CONF,
                  "Path of the UNIX datagram socket, default /run/ja4/http.socket"),
    AP_INIT_ITERATE("JsonSockLogHeaders", add_header, NULL, RSRC_CONF,
                    "Headers whose values are sent; \"default\" stands for the built-in list"),
    AP_INIT_ITERATE("JsonSockLogRedact", add_redacted, NULL, RSRC_CONF,
                    "Headers of which only the length is sent, beyond the built-in ones"),
    AP_INIT_ITERATE("JsonSockLogRedactQuery", add_secret, NULL, RSRC_CONF,
                    "Parameters of URLs whose values are hidden, beyond the built-in ones"),
    AP_INIT_TAKE1("JsonSockLogMaxHeaders", set_number, &max_headers_rule, RSRC_CONF,
                  "Headers considered, 1 to 512, default 25"),
    AP_INIT_TAKE1("JsonSockLogMaxHeaderValueLen", set_number, &max_value_rule, RSRC_CONF,
                  "Bytes kept of a header's value, 16 to 8192, default 256"),
    AP_INIT_TAKE1("JsonSockLogMaxEventSize", set_number, &max_event_rule, RSRC_CONF,
                  "Bytes of an event, 2048 to 65536, default 16384"),
    AP_INIT_TAKE1("JsonSockLogReconnectInterval", set_number, &reconnect_rule, RSRC_CONF,
                  "Seconds between attempts at a socket that refuses, 0 to 86400, default 10"),
    AP_INIT_TAKE1("JsonSockLogErrorReportInterval", set_number, &report_rule, RSRC_CONF,
                  "Seconds between messages about lost events, 1 to 86400, default 10"),
    AP_INIT_TAKE1("JsonSockLogLevel", set_level, NULL, RSRC_CONF,
                  "Least severe message of the module, default WARNING"),
    AP_INIT_TAKE1("JsonSockLogPhase", set_phase, NULL, RSRC_CONF,
                  "When to send: end (default) or start of the request"),
    {NULL},
};
