#include "shared/wire/transport.h"

Status transport_connect(Transport transport, const char *host, uint16_t port, uint32_t data,
                         PeerId *out_peer, Diag *diag)
{
    return transport.ops->connect(transport.context, host, port, data, out_peer, diag);
}

Status transport_send(Transport transport, PeerId peer, uint8_t channel, Delivery delivery, Bytes bytes)
{
    return transport.ops->send(transport.context, peer, channel, delivery, bytes);
}

Status transport_poll(Transport transport, TimeNs now, TransportEvent *out_event)
{
    return transport.ops->poll(transport.context, now, out_event);
}

void transport_flush(Transport transport, TimeNs now)
{
    transport.ops->flush(transport.context, now);
}

int transport_wake_fd(Transport transport)
{
    return transport.ops == NULL || transport.ops->wake_fd == NULL
               ? -1
               : transport.ops->wake_fd(transport.context);
}

void transport_disconnect(Transport transport, PeerId peer, uint32_t reason)
{
    transport.ops->disconnect(transport.context, peer, reason);
}

Status transport_stats(Transport transport, PeerId peer, TransportStats *out_stats)
{
    return transport.ops->stats(transport.context, peer, out_stats);
}

Status transport_address(Transport transport, PeerId peer, char *out, size_t size)
{
    return transport.ops->address(transport.context, peer, out, size);
}

void transport_destroy(Transport transport)
{
    if (transport.ops) {
        transport.ops->destroy(transport.context);
    }
}
