//! Where each symbol of py2p 0.2.136 is found here: for readers who know that library.
//!
//! The tables follow the files of py2p's own API document, name for name. A dash means that there
//! is no counterpart; the remark says why none is needed, or that it is yet to come.
//!
//! # the package
//!
//! | py2p | here | remark |
//! |---|---|---|
//! | `__version__`, `version_info` | — | The version of the crate is in its manifest; that of the protocol is the next row. |
//! | `protocol_version` | [`PROTOCOL_VERSION`] | |
//! | `node_policy_version` | — | The version of the crate says it. |
//! | `uses_RSA` | — | It is the crate's feature `rsa`, on by default. |
//! | `decryption_error` | [`rsa::DecryptionError`] | |
//! | `verification_error` | [`rsa::VerificationError`] | |
//! | `newkeys` | [`rsa::newkeys`] | As in `net.py`, with the others. |
//! | `encrypt` | [`rsa::encrypt`] | |
//! | `decrypt` | [`rsa::decrypt`] | |
//! | `sign` | [`rsa::sign`] | |
//! | `verify` | [`rsa::verify`] | |
//! | `mesh_socket` | [`MeshSocket`] | |
//! | `secure_socket` | [`RsaSocket`] | |
//!
//! # `base.py`
//!
//! | py2p | here | remark |
//! |---|---|---|
//! | `version` | — | The version of the crate is in its manifest. |
//! | `protocol_version` | [`PROTOCOL_VERSION`] | |
//! | `node_policy_version` | — | The version of the crate says it. |
//! | `user_salt` | [`NodeId::new`] | An argument: each node draws its own salt, so that two in one process have two ids. |
//! | `compression` | [`Compressions::supported`] | |
//! | `default_protocol` | [`Protocol::new`] | py2p's is `mesh` under `Plaintext`. Here [`MeshSocket::builder`] takes `mesh` under TLS: who wants the company of py2p nodes says [`Encryption::Plaintext`]. |
//! | `base_58` | [`base58::ALPHABET`] | |
//! | `to_base_58` | [`base58::encode`], [`base58::encode_u64`] | |
//! | `from_base_58` | [`base58::decode`], [`base58::decode_u64`] | |
//! | `getUTC` | [`time::UnixTime`] | A value: the library reads the clock in one place, and passes it on. |
//! | `compress` | [`Compression::compress`] | |
//! | `decompress` | [`Compression::decompress`] | With a limit for the result. |
//! | `get_lan_ip` | [`MeshSocket::out_addr`] | Found by itself where every address of the machine is bound. |
//! | `flags` | [`Flag`], [`Compression`] | The words for messages, and those for compression methods. |
//! | `flags.broadcast` | [`Flag::Broadcast`] | |
//! | `flags.bz2` | [`Compression::Bz2`] | |
//! | `flags.compression` | [`Flag::Compression`] | |
//! | `flags.gzip` | [`Compression::Gzip`] | |
//! | `flags.handshake` | [`Flag::Handshake`] | |
//! | `flags.lzma` | [`Compression::Lzma`] | |
//! | `flags.peers` | [`Flag::Peers`] | |
//! | `flags.waterfall` | [`Flag::Waterfall`] | |
//! | `flags.resend` | [`Flag::Resend`] | |
//! | `flags.response` | [`Flag::Response`] | |
//! | `flags.renegotiate` | [`Flag::Renegotiate`] | |
//! | `flags.request` | [`Flag::Request`] | |
//! | `flags.whisper` | [`Flag::Whisper`] | |
//! | `pathfinding_message` | [`PathfindingMessage`], [`PathfindingMessage::new`] | |
//! | `pathfinding_message.protocol` | [`MeshSocket::protocol`] | The bytes of a message do not depend on it. |
//! | `pathfinding_message.msg_type` | [`PathfindingMessage::msg_type`] | |
//! | `pathfinding_message.sender` | [`PathfindingMessage::sender`] | |
//! | `pathfinding_message.time` | [`PathfindingMessage::time`] | |
//! | `pathfinding_message.compression` | [`PathfindingMessage::compression`], [`PathfindingMessage::with_compression`] | |
//! | `pathfinding_message.compression_fail` | [`PathfindingMessage::compression_fail`] | |
//! | `pathfinding_message.payload` | [`PathfindingMessage::payload`] | |
//! | `pathfinding_message.compression_used` | [`PathfindingMessage::compression_used`] | |
//! | `pathfinding_message.time_58` | [`PathfindingMessage::time_58`] | |
//! | `pathfinding_message.id` | [`PathfindingMessage::id`] | Computed, as in py2p; [`PathfindingMessage::stated_id`] is what stands on the wire. |
//! | `pathfinding_message.len`, `pathfinding_message.__len__` | [`PathfindingMessage::encode_body`] | The length of what it returns. |
//! | `pathfinding_message.packets` | [`PathfindingMessage::packets`] | |
//! | `pathfinding_message.string` | [`PathfindingMessage::encode`] | |
//! | `pathfinding_message.__non_len_string` | [`PathfindingMessage::encode_body`] | |
//! | `pathfinding_message.feed_string` | [`PathfindingMessage::decode`], [`PathfindingMessage::decode_body`] | The second is for `sizeless=True`. Its errors are [`DecodeError`]. |
//! | `pathfinding_message.sanitize_string` | [`strip_size_header`] | |
//! | `pathfinding_message.decompress_string` | [`decompress`] | |
//! | `pathfinding_message.process_string` | [`Packets::split`] | |
//! | `message` | [`Message`] | A user receives them and makes none. |
//! | `message.msg` | [`Message::as_pathfinding`] | |
//! | `message.server` | — | A message holds what its reply needs, and does not keep the socket open. |
//! | `message.time` | [`Message::time`] | |
//! | `message.sender` | [`Message::sender`] | |
//! | `message.protocol` | [`Message::protocol`] | |
//! | `message.packets` | [`Message::packets`], [`Message::contents`] | The second leaves out the sub-flag. |
//! | `message.id` | [`Message::id`] | |
//! | `message.reply` | [`Message::reply`] | Tells whether the reply is on its way. |
//! | `protocol` | [`Protocol`] | |
//! | `protocol.subnet` | [`Protocol::subnet`] | |
//! | `protocol.encryption` | [`Protocol::encryption`] | |
//! | `protocol.id` | [`Protocol::id`] | |
//! | `base_socket` | [`MeshSocket`] | There is no base to inherit from: one type has it all. |
//! | `base_socket.debug_level`, `base_socket.__print__` | — | The library prints nothing. It logs through the crate `log`, whose logger has the level. |
//! | `base_socket.routing_table` | [`MeshSocket::routing_table`] | |
//! | `base_socket.awaiting_ids` | [`MeshSocket::awaiting`] | |
//! | `base_socket.queue` | [`MeshSocket::try_recv`], [`MeshSocket::messages`] | |
//! | `base_socket.daemon` | — | The event loop is nobody else's business; see `base_daemon` for what is to be had of it. |
//! | `base_socket.outgoing` | [`MeshSocket::outgoing`] | |
//! | `base_socket.incoming` | [`MeshSocket::incoming`] | |
//! | `base_socket.status` | [`MeshSocket::status`] | [`MeshSocket::clear_status`] forgets what went wrong. |
//! | `base_socket.recv` | [`MeshSocket::recv`], [`MeshSocket::recv_many`] | They wait. [`MeshSocket::try_recv`] and [`MeshSocket::recv_timeout`] do not, or not for ever. |
//! | `base_daemon` | [`Builder::bind`] | Starts the event loop with the socket. |
//! | `base_daemon.protocol` | [`MeshSocket::protocol`] | |
//! | `base_daemon.server` | — | The loop knows no socket; sockets are handles on it. |
//! | `base_daemon.sock` | [`MeshSocket::local_addr`] | The address only. |
//! | `base_daemon.alive` | [`MeshSocket::close`], [`Status::is_running`] | |
//! | `base_daemon.exceptions` | [`Status::troubles`] | |
//! | `base_daemon.daemon` | — | The thread ends with [`MeshSocket::close`], or when the last handle is dropped. |
//! | `base_daemon.__print__` | — | As `base_socket.__print__`. |
//! | `base_connection` | [`PeerInfo`] | What is known of a neighbor, as a value. |
//! | `base_connection.sock`, `base_connection.fileno` | — | Sockets belong to the event loop alone. |
//! | `base_connection.server` | — | Connections are reached by the id of the peer. |
//! | `base_connection.protocol` | [`MeshSocket::protocol`] | The same for all connections. |
//! | `base_connection.outgoing` | [`PeerInfo::direction`] | |
//! | `base_connection.buffer`, `base_connection.expected`, `base_connection.active` | [`FrameDecoder`] | |
//! | `base_connection.id` | [`PeerInfo::id`] | |
//! | `base_connection.time` | — | Nothing but the node's own rules depends on it. [`PeerInfo::since`] is when the peer became a neighbor. |
//! | `base_connection.addr` | [`PeerInfo::announced`] | [`PeerInfo::addr`] is where the connection leads. |
//! | `base_connection.compression` | [`PeerInfo::compressions`] | |
//! | `base_connection.last_sent` | [`ProtocolTools::ask_resend`] | Kept by the node, for a peer that asks for it again. |
//! | `base_connection.collect_incoming_data`, `base_connection.find_terminator` | [`FrameDecoder::next_frame`] | |
//! | `base_connection.__print__` | — | As `base_socket.__print__`. |
//!
//! # `mesh.py`
//!
//! | py2p | here | remark |
//! |---|---|---|
//! | `compression` | [`Builder::compressions`] | Per socket. The default is [`Compressions::supported`]. |
//! | `max_outgoing` | [`Builder::max_outgoing`] | Per socket. |
//! | `default_protocol` | [`Builder::subnet`], [`Builder::encryption`] | The subnet `mesh` is the default, as there; the encryption is TLS, and py2p's is asked for: [`Encryption::Plaintext`]. |
//! | `mesh_socket` | [`MeshSocket`], [`MeshSocket::builder`], [`Builder::bind`] | `out_addr` is [`Builder::out_addr`]. |
//! | `mesh_socket.protocol` | [`MeshSocket::protocol`] | |
//! | `mesh_socket.debug_level` | — | As `base_socket.debug_level`. |
//! | `mesh_socket.routing_table` | [`MeshSocket::routing_table`] | |
//! | `mesh_socket.awaiting_ids` | [`MeshSocket::awaiting`] | |
//! | `mesh_socket.outgoing` | [`MeshSocket::outgoing`] | |
//! | `mesh_socket.incoming` | [`MeshSocket::incoming`] | |
//! | `mesh_socket.requests` | [`ProtocolTools::pending_requests`] | |
//! | `mesh_socket.waterfalls` | [`ProtocolTools::recent_messages`] | |
//! | `mesh_socket.queue` | [`MeshSocket::try_recv`], [`MeshSocket::messages`] | |
//! | `mesh_socket.out_addr` | [`MeshSocket::out_addr`] | |
//! | `mesh_socket.id` | [`MeshSocket::id`] | |
//! | `mesh_socket.daemon` | — | As `base_socket.daemon`. |
//! | `mesh_socket.connect` | [`MeshSocket::connect`], [`MeshSocket::start_connect`] | Tells who answered, where py2p is told whom to expect. [`MeshSocket::add_seed`] keeps the connection. |
//! | `mesh_socket.send` | [`MeshSocket::send`], [`MeshSocket::send_as`] | The second is for `type`. [`MeshSocket::send_timeout`] waits for room. |
//! | `mesh_socket.recv` | [`MeshSocket::recv`], [`MeshSocket::recv_many`] | As `base_socket.recv`. |
//! | `mesh_socket.handle_request` | [`Node::handle_input`] | What the protocol itself says is not for users; the node takes it from bytes. |
//! | `mesh_socket.waterfall` | — | A node passes on what it delivers by itself. [`ProtocolTools::send_raw`] sends any flag. |
//! | `mesh_daemon` | [`Builder::bind`] | Starts the event loop with the socket. |
//! | `mesh_daemon.protocol` | [`MeshSocket::protocol`] | |
//! | `mesh_daemon.server` | — | The loop knows no socket; sockets are handles on it. |
//! | `mesh_daemon.sock` | [`MeshSocket::local_addr`] | The address only. |
//! | `mesh_daemon.alive` | [`MeshSocket::close`], [`Status::is_running`] | |
//! | `mesh_daemon.exceptions` | [`Status::troubles`] | |
//! | `mesh_daemon.daemon` | — | The thread ends with [`MeshSocket::close`], or when the last handle is dropped. |
//! | `mesh_daemon.__print__` | — | As `base_socket.__print__`. |
//! | `mesh_daemon.mainloop` | [`Node::poll_output`] | The loop does what the node wants done. |
//! | `mesh_daemon.handle_accept` | [`Node::accept`] | |
//! | `mesh_daemon.disconnect` | [`MeshSocket::disconnect`] | |
//! | `mesh_connection` | [`PeerInfo`] | What is known of a neighbor, as a value. |
//! | `mesh_connection.sock`, `mesh_connection.fileno` | — | Sockets belong to the event loop alone. |
//! | `mesh_connection.server` | — | Connections are reached by the id of the peer. |
//! | `mesh_connection.protocol` | [`MeshSocket::protocol`] | The same for all connections. |
//! | `mesh_connection.outgoing` | [`PeerInfo::direction`] | |
//! | `mesh_connection.buffer`, `mesh_connection.expected`, `mesh_connection.active` | [`FrameDecoder`] | |
//! | `mesh_connection.id` | [`PeerInfo::id`] | |
//! | `mesh_connection.time` | — | Nothing but the node's own rules depends on it. [`PeerInfo::since`] is when the peer became a neighbor. |
//! | `mesh_connection.addr` | [`PeerInfo::announced`] | [`PeerInfo::addr`] is where the connection leads. |
//! | `mesh_connection.compression` | [`PeerInfo::compressions`] | |
//! | `mesh_connection.last_sent` | [`ProtocolTools::ask_resend`] | Kept by the node, for a peer that asks for it again. |
//! | `mesh_connection.collect_incoming_data`, `mesh_connection.find_terminator` | [`FrameDecoder::next_frame`] | |
//! | `mesh_connection.__print__` | — | As `base_socket.__print__`. |
//! | `mesh_connection.found_terminator` | [`Node::handle_input`] | |
//! | `mesh_connection.send` | [`MeshSocket::whisper`], [`ProtocolTools::send_raw`] | To a neighbor by its id; the second with any main flag. |
//!
//! # `net.py`
//!
//! | py2p | here | remark |
//! |---|---|---|
//! | `uses_RSA` | — | It is the crate's feature `rsa`, on by default. |
//! | `decryption_error` | [`rsa::DecryptionError`] | |
//! | `verification_error` | [`rsa::VerificationError`] | |
//! | `key_request` | [`session::rsa::KEY_REQUEST`] | |
//! | `size_request` | [`session::rsa::SIZE_REQUEST`] | |
//! | `newkeys` | [`rsa::newkeys`], [`rsa::KeySize`] | Below 1,024 bits by [`rsa::KeySize::weak`] only, and never at a size that py2p cannot read. |
//! | `encrypt` | [`rsa::encrypt`], [`rsa::encrypt_with`] | The second takes a generator. |
//! | `decrypt` | [`rsa::decrypt`] | |
//! | `sign` | [`rsa::sign`], [`rsa::Hash`] | |
//! | `verify` | [`rsa::verify`] | Tells the hash, as py2p does with the module `rsa`. |
//! | `public_key` | [`rsa::public_key`], [`rsa::PublicKey`] | |
//! | `secure_socket` | [`RsaSocket`], [`RsaSocket::builder`], [`RsaListener`] | One that listens is a type of its own. Nothing is printed, so there is no `silent`. |
//! | `secure_socket.family`, `secure_socket.type`, `secure_socket.proto` | [`RsaSocket::local_addr`] | TCP always, and the family of its address. |
//! | `secure_socket.keysize` | [`RsaSocket::key_size`] | |
//! | `secure_socket.pub` | [`RsaSocket::public_key`] | |
//! | `secure_socket.priv` | [`RsaSocket::private_key`] | |
//! | `secure_socket.recv_charlimit` | [`RsaSocket::recv_charlimit`] | What holds is [`RsaSocketBuilder::max_message_len`]. |
//! | `secure_socket.peer_keysize` | [`RsaSocket::peer_key_size`] | |
//! | `secure_socket.key` | [`RsaSocket::peer_key`] | |
//! | `secure_socket.send_charlimit` | [`RsaSocket::send_charlimit`] | As `secure_socket.recv_charlimit`. |
//! | `secure_socket.connect` | [`RsaSocket::connect`], [`RsaSocketBuilder::connect`] | Keys are exchanged when it returns. |
//! | `secure_socket.bind`, `secure_socket.listen` | [`RsaSocket::bind`], [`RsaSocketBuilder::bind`] | Listens at once. |
//! | `secure_socket.accept` | [`RsaListener::accept`], [`RsaSocket::exchange_keys`] | The first call that needs the peer's key exchanges keys, so that a silent peer holds up nobody else. |
//! | `secure_socket.close` | [`RsaSocket::close`], [`RsaSocket::shutdown`] | |
//! | `secure_socket.dup` | [`RsaSocket::clone`] | Both are the same connection, also in what is buffered. |
//! | `secure_socket.settimeout` | [`RsaSocket::set_timeout`] | Holds for the exchange of keys, too, and for a call as a whole. |
//! | `secure_socket.send` | [`RsaSocket::send`] | |
//! | `secure_socket.recv` | [`RsaSocket::recv_message`], [`RsaSocket::recv`] | The second takes a size. |
//! | `secure_socket.sign` | [`RsaSocket::sign`] | |
//! | `secure_socket.verify` | [`RsaSocket::verify`] | |
//!
//! [`Builder::bind`]: crate::Builder::bind
//! [`Builder::compressions`]: crate::Builder::compressions
//! [`Builder::encryption`]: crate::Builder::encryption
//! [`Builder::max_outgoing`]: crate::Builder::max_outgoing
//! [`Builder::out_addr`]: crate::Builder::out_addr
//! [`Builder::subnet`]: crate::Builder::subnet
//! [`Compression`]: crate::Compression
//! [`Compression::Bz2`]: crate::Compression::Bz2
//! [`Compression::Gzip`]: crate::Compression::Gzip
//! [`Compression::Lzma`]: crate::Compression::Lzma
//! [`Compression::compress`]: crate::Compression::compress
//! [`Compression::decompress`]: crate::Compression::decompress
//! [`Compressions::supported`]: crate::Compressions::supported
//! [`DecodeError`]: crate::wire::DecodeError
//! [`Encryption::Plaintext`]: crate::Encryption::Plaintext
//! [`Flag`]: crate::wire::Flag
//! [`Flag::Broadcast`]: crate::wire::Flag::Broadcast
//! [`Flag::Compression`]: crate::wire::Flag::Compression
//! [`Flag::Handshake`]: crate::wire::Flag::Handshake
//! [`Flag::Peers`]: crate::wire::Flag::Peers
//! [`Flag::Renegotiate`]: crate::wire::Flag::Renegotiate
//! [`Flag::Request`]: crate::wire::Flag::Request
//! [`Flag::Resend`]: crate::wire::Flag::Resend
//! [`Flag::Response`]: crate::wire::Flag::Response
//! [`Flag::Waterfall`]: crate::wire::Flag::Waterfall
//! [`Flag::Whisper`]: crate::wire::Flag::Whisper
//! [`FrameDecoder`]: crate::wire::FrameDecoder
//! [`FrameDecoder::next_frame`]: crate::wire::FrameDecoder::next_frame
//! [`MeshSocket`]: crate::MeshSocket
//! [`MeshSocket::add_seed`]: crate::MeshSocket::add_seed
//! [`MeshSocket::awaiting`]: crate::MeshSocket::awaiting
//! [`MeshSocket::builder`]: crate::MeshSocket::builder
//! [`MeshSocket::clear_status`]: crate::MeshSocket::clear_status
//! [`MeshSocket::close`]: crate::MeshSocket::close
//! [`MeshSocket::connect`]: crate::MeshSocket::connect
//! [`MeshSocket::disconnect`]: crate::MeshSocket::disconnect
//! [`MeshSocket::id`]: crate::MeshSocket::id
//! [`MeshSocket::incoming`]: crate::MeshSocket::incoming
//! [`MeshSocket::local_addr`]: crate::MeshSocket::local_addr
//! [`MeshSocket::messages`]: crate::MeshSocket::messages
//! [`MeshSocket::out_addr`]: crate::MeshSocket::out_addr
//! [`MeshSocket::outgoing`]: crate::MeshSocket::outgoing
//! [`MeshSocket::protocol`]: crate::MeshSocket::protocol
//! [`MeshSocket::recv`]: crate::MeshSocket::recv
//! [`MeshSocket::recv_many`]: crate::MeshSocket::recv_many
//! [`MeshSocket::recv_timeout`]: crate::MeshSocket::recv_timeout
//! [`MeshSocket::routing_table`]: crate::MeshSocket::routing_table
//! [`MeshSocket::send`]: crate::MeshSocket::send
//! [`MeshSocket::send_as`]: crate::MeshSocket::send_as
//! [`MeshSocket::send_timeout`]: crate::MeshSocket::send_timeout
//! [`MeshSocket::start_connect`]: crate::MeshSocket::start_connect
//! [`MeshSocket::status`]: crate::MeshSocket::status
//! [`MeshSocket::try_recv`]: crate::MeshSocket::try_recv
//! [`MeshSocket::whisper`]: crate::MeshSocket::whisper
//! [`Message`]: crate::Message
//! [`Message::as_pathfinding`]: crate::Message::as_pathfinding
//! [`Message::contents`]: crate::Message::contents
//! [`Message::id`]: crate::Message::id
//! [`Message::packets`]: crate::Message::packets
//! [`Message::protocol`]: crate::Message::protocol
//! [`Message::reply`]: crate::Message::reply
//! [`Message::sender`]: crate::Message::sender
//! [`Message::time`]: crate::Message::time
//! [`Node::accept`]: crate::node::Node::accept
//! [`Node::handle_input`]: crate::node::Node::handle_input
//! [`Node::poll_output`]: crate::node::Node::poll_output
//! [`NodeId::new`]: crate::NodeId::new
//! [`PROTOCOL_VERSION`]: crate::wire::PROTOCOL_VERSION
//! [`Packets::split`]: crate::Packets::split
//! [`PathfindingMessage`]: crate::wire::PathfindingMessage
//! [`PathfindingMessage::compression`]: crate::wire::PathfindingMessage::compression
//! [`PathfindingMessage::compression_fail`]: crate::wire::PathfindingMessage::compression_fail
//! [`PathfindingMessage::compression_used`]: crate::wire::PathfindingMessage::compression_used
//! [`PathfindingMessage::decode`]: crate::wire::PathfindingMessage::decode
//! [`PathfindingMessage::decode_body`]: crate::wire::PathfindingMessage::decode_body
//! [`PathfindingMessage::encode`]: crate::wire::PathfindingMessage::encode
//! [`PathfindingMessage::encode_body`]: crate::wire::PathfindingMessage::encode_body
//! [`PathfindingMessage::id`]: crate::wire::PathfindingMessage::id
//! [`PathfindingMessage::msg_type`]: crate::wire::PathfindingMessage::msg_type
//! [`PathfindingMessage::new`]: crate::wire::PathfindingMessage::new
//! [`PathfindingMessage::packets`]: crate::wire::PathfindingMessage::packets
//! [`PathfindingMessage::payload`]: crate::wire::PathfindingMessage::payload
//! [`PathfindingMessage::sender`]: crate::wire::PathfindingMessage::sender
//! [`PathfindingMessage::stated_id`]: crate::wire::PathfindingMessage::stated_id
//! [`PathfindingMessage::time`]: crate::wire::PathfindingMessage::time
//! [`PathfindingMessage::time_58`]: crate::wire::PathfindingMessage::time_58
//! [`PathfindingMessage::with_compression`]: crate::wire::PathfindingMessage::with_compression
//! [`PeerInfo`]: crate::PeerInfo
//! [`PeerInfo::addr`]: crate::PeerInfo::addr
//! [`PeerInfo::announced`]: crate::PeerInfo::announced
//! [`PeerInfo::compressions`]: crate::PeerInfo::compressions
//! [`PeerInfo::direction`]: crate::PeerInfo::direction
//! [`PeerInfo::id`]: crate::PeerInfo::id
//! [`PeerInfo::since`]: crate::PeerInfo::since
//! [`Protocol`]: crate::Protocol
//! [`Protocol::encryption`]: crate::Protocol::encryption
//! [`Protocol::id`]: crate::Protocol::id
//! [`Protocol::new`]: crate::Protocol::new
//! [`Protocol::subnet`]: crate::Protocol::subnet
//! [`ProtocolTools::ask_resend`]: crate::ProtocolTools::ask_resend
//! [`ProtocolTools::pending_requests`]: crate::ProtocolTools::pending_requests
//! [`ProtocolTools::recent_messages`]: crate::ProtocolTools::recent_messages
//! [`ProtocolTools::send_raw`]: crate::ProtocolTools::send_raw
//! [`RsaListener`]: crate::RsaListener
//! [`RsaListener::accept`]: crate::RsaListener::accept
//! [`RsaSocket`]: crate::RsaSocket
//! [`RsaSocket::bind`]: crate::RsaSocket::bind
//! [`RsaSocket::builder`]: crate::RsaSocket::builder
//! [`RsaSocket::clone`]: crate::RsaSocket::clone
//! [`RsaSocket::close`]: crate::RsaSocket::close
//! [`RsaSocket::connect`]: crate::RsaSocket::connect
//! [`RsaSocket::exchange_keys`]: crate::RsaSocket::exchange_keys
//! [`RsaSocket::key_size`]: crate::RsaSocket::key_size
//! [`RsaSocket::local_addr`]: crate::RsaSocket::local_addr
//! [`RsaSocket::peer_key`]: crate::RsaSocket::peer_key
//! [`RsaSocket::peer_key_size`]: crate::RsaSocket::peer_key_size
//! [`RsaSocket::private_key`]: crate::RsaSocket::private_key
//! [`RsaSocket::public_key`]: crate::RsaSocket::public_key
//! [`RsaSocket::recv`]: crate::RsaSocket::recv
//! [`RsaSocket::recv_charlimit`]: crate::RsaSocket::recv_charlimit
//! [`RsaSocket::recv_message`]: crate::RsaSocket::recv_message
//! [`RsaSocket::send`]: crate::RsaSocket::send
//! [`RsaSocket::send_charlimit`]: crate::RsaSocket::send_charlimit
//! [`RsaSocket::set_timeout`]: crate::RsaSocket::set_timeout
//! [`RsaSocket::shutdown`]: crate::RsaSocket::shutdown
//! [`RsaSocket::sign`]: crate::RsaSocket::sign
//! [`RsaSocket::verify`]: crate::RsaSocket::verify
//! [`RsaSocketBuilder::bind`]: crate::RsaSocketBuilder::bind
//! [`RsaSocketBuilder::connect`]: crate::RsaSocketBuilder::connect
//! [`RsaSocketBuilder::max_message_len`]: crate::RsaSocketBuilder::max_message_len
//! [`Status::is_running`]: crate::Status::is_running
//! [`Status::troubles`]: crate::Status::troubles
//! [`base58::ALPHABET`]: crate::wire::base58::ALPHABET
//! [`base58::decode`]: crate::wire::base58::decode
//! [`base58::decode_u64`]: crate::wire::base58::decode_u64
//! [`base58::encode`]: crate::wire::base58::encode
//! [`base58::encode_u64`]: crate::wire::base58::encode_u64
//! [`decompress`]: crate::wire::decompress
//! [`rsa::DecryptionError`]: crate::rsa::DecryptionError
//! [`rsa::Hash`]: crate::rsa::Hash
//! [`rsa::KeySize`]: crate::rsa::KeySize
//! [`rsa::KeySize::weak`]: crate::rsa::KeySize::weak
//! [`rsa::PublicKey`]: crate::rsa::PublicKey
//! [`rsa::VerificationError`]: crate::rsa::VerificationError
//! [`rsa::decrypt`]: crate::rsa::decrypt
//! [`rsa::encrypt`]: crate::rsa::encrypt
//! [`rsa::encrypt_with`]: crate::rsa::encrypt_with
//! [`rsa::newkeys`]: crate::rsa::newkeys
//! [`rsa::public_key`]: crate::rsa::public_key
//! [`rsa::sign`]: crate::rsa::sign
//! [`rsa::verify`]: crate::rsa::verify
//! [`session::rsa::KEY_REQUEST`]: crate::session::rsa::KEY_REQUEST
//! [`session::rsa::SIZE_REQUEST`]: crate::session::rsa::SIZE_REQUEST
//! [`strip_size_header`]: crate::wire::strip_size_header
//! [`time::UnixTime`]: crate::time::UnixTime

#![cfg_attr(
    not(feature = "rsa"),
    expect(rustdoc::broken_intra_doc_links, reason = "what a build leaves out cannot be linked")
)]
