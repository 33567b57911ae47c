//! How much is on the way to a viewer, and queued for a connection.

use crate::egress::{Backlog, Delivery};

/// What is on the way to one viewer at most.
const MOST_ON_THE_WAY: Backlog = Backlog { packets: 32, bytes: 1 << 20 };
/// To a viewer with a WebSocket, which takes packets as the network lets it.
pub(super) static CONTINUOUS: Delivery = Delivery::half(MOST_ON_THE_WAY);
/// To a viewer that polls, which takes all there is with each request. A payload makes two packets of a polling response, and
/// there are clients that refuse a response of more than 16 packets (python-engineio); answers, states and pings have to find
/// room in it too.
pub(super) static IN_TURNS: Delivery = Delivery::whole(Backlog { packets: 4, ..MOST_ON_THE_WAY });

/// Packets a connection may have queued: media up to its bound, and as much again for answers, states and pings.
pub(super) const QUEUE_PACKETS: usize = MOST_ON_THE_WAY.packets * 2;
