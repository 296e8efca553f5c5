/*
 * Events to the sender of a server, and to the operator what became of them.
 */
#ifndef REQIN_DELIVERY_H
#define REQIN_DELIVERY_H

#include "event.h"
#include "sender.h"
#include "settings.h"

#include "httpd.h"

#pragma GCC visibility push(hidden)

reqin_settings *reqin_settings_of(const server_rec *server);

/* Whether an event is to be made and given to reqin_deliver(). If not, it is counted as dropped. */
bool reqin_may_deliver(const server_rec *server, reqin_sender *sender);

/* What stands in the next event of this process. */
reqin_origin reqin_next_origin(reqin_sender *sender);

/*
 * Sends an event. Dropped events and their end are told to the error log of `server`: one line at
 * most in an interval and process, whatever happens.
 */
void reqin_deliver(const server_rec *server, reqin_sender *sender, const char *event,
                   size_t length);

#pragma GCC visibility pop

#endif
