// Made from signaling/messages.py by `python -m signaling.schema`. Change it there.

/** @file The messages of the signaling protocol, version 1. docs/protocol.md tells them in prose. */

/**
 * Why someone is no longer in a room; each has its own close code (docs/protocol.md).
 * @typedef {"ended" | "left" | "media_lost" | "protocol_error" | "removed" | "renew" | "replaced" | "room_closed" | "sent_back" | "server_restarts" | "timed_out" | "worker_lost"} Departure
 */

/**
 * Why a request was refused; stable words, also in HTTP problem bodies.
 * @typedef {"bad_request" | "conflict" | "forbidden" | "internal" | "media_failed" | "negotiation_failed" | "not_found" | "rate_limited" | "room_full" | "room_locked" | "too_large" | "unauthorized" | "unavailable" | "unsupported_protocol"} ErrorCode
 */

/**
 * RTCIceServer.
 * @typedef {object} IceServer
 * @property {string[]} urls
 * @property {string | null} [username]
 * @property {string | null} [credential]
 */

/**
 * Media kind.
 * @typedef {"audio" | "video"} Kind
 */

/**
 * Someone in the room. `admin`: may mute, remove, lock and end.
 * @typedef {object} Participant
 * @property {string} id
 * @property {string} identity
 * @property {string} name
 * @property {Role} role
 * @property {boolean} admin
 * @property {boolean} hand
 * @property {Presence} state
 * @property {TrackState[]} tracks
 * @property {number} joined_at
 */

/**
 * How a participant is in the room.
 * @typedef {"present" | "reconnecting"} Presence
 */

/**
 * Which simulcast layer a viewer would like in a slot, at most.
 * @typedef {"high" | "low" | "medium"} Quality
 */

/**
 * A person's part in a visit or in running the service.
 * @typedef {"administrator" | "carer" | "clinician" | "compliance" | "developer" | "front_desk" | "interpreter" | "operator" | "patient"} Role
 */

/**
 * The room.
 * @typedef {object} Room
 * @property {string} name
 * @property {boolean} locked
 * @property {number} opened_at
 */

/**
 * `resume` is the secret for `join {resume}`; keep it in memory or sessionStorage only.
 * @typedef {object} SessionKeys
 * @property {string} id
 * @property {string} resume
 */

/**
 * How many recvonly m-sections of each kind the first offer should hold.
 * @typedef {object} SlotCounts
 * @property {number} audio
 * @property {number} video
 */

/**
 * What a slot carries.
 * @typedef {object} SlotState
 * @property {string} mid
 * @property {string} participant
 * @property {Source} source
 * @property {Kind} kind
 * @property {boolean} muted
 */

/**
 * What a track shows or carries.
 * @typedef {"camera" | "microphone" | "screen" | "screen_audio"} Source
 */

/**
 * What an m-section of the offer sends.
 * @typedef {object} Track
 * @property {string} mid
 * @property {Source} source
 * @property {boolean} [muted]
 */

/**
 * A track of a participant. `muted_by_host`: paused at the server, the owner can't lift it.
 * @typedef {object} TrackState
 * @property {Source} source
 * @property {boolean} muted
 * @property {boolean} muted_by_host
 */

/**
 * First message of a connection, within 10 s. `token` on `/rtc`; nothing on a join link's endpoint,
 * whose cookie says who it is; `resume` takes a dropped session up again. With `prepare` the media
 * path is set up, but nobody sees or hears you until `enter`.
 * @typedef {object} Join
 * @property {"join"} type
 * @property {number} id
 * @property {number} protocol
 * @property {string | null} [token]
 * @property {string | null} [resume]
 * @property {boolean} [prepare]
 */

/**
 * A prepared participant asks to become present. Answered by `ok`, or by `held` when they have to wait
 * to be admitted; to ask again is allowed.
 * @typedef {object} Enter
 * @property {"enter"} type
 * @property {number} id
 */

/**
 * An SDP offer; the client always offers. Answered by `answer`.
 * @typedef {object} Offer
 * @property {"offer"} type
 * @property {number} id
 * @property {string} sdp
 * @property {Track[]} [tracks]
 */

/**
 * Mutes or unmutes a track of one's own.
 * @typedef {object} Mute
 * @property {"mute"} type
 * @property {number} id
 * @property {Source} source
 * @property {boolean} muted
 */

/**
 * Admin. True pauses at the server; false lifts that and asks the other to unmute.
 * @typedef {object} MuteOther
 * @property {"mute_other"} type
 * @property {number} id
 * @property {string} participant
 * @property {Source} source
 * @property {boolean} muted
 */

/**
 * Raises or lowers one's hand.
 * @typedef {object} Hand
 * @property {"hand"} type
 * @property {number} id
 * @property {boolean} raised
 */

/**
 * Says a line to everyone present.
 * @typedef {object} Chat
 * @property {"chat"} type
 * @property {number} id
 * @property {string} text
 */

/**
 * Highest simulcast layer wanted in a slot.
 * @typedef {object} Layer
 * @property {"layer"} type
 * @property {number} id
 * @property {string} mid
 * @property {Quality} quality
 */

/**
 * Admin. Removes someone.
 * @typedef {object} Kick
 * @property {"kick"} type
 * @property {number} id
 * @property {string} participant
 */

/**
 * Admin. Ends the call for everyone.
 * @typedef {object} End
 * @property {"end"} type
 * @property {number} id
 */

/**
 * Admin. Nobody new comes in while locked.
 * @typedef {object} Lock
 * @property {"lock"} type
 * @property {number} id
 * @property {boolean} locked
 */

/**
 * Leaves for good. Answered by `bye`.
 * @typedef {object} Leave
 * @property {"leave"} type
 * @property {number} id
 */

/**
 * Answer to `ping`, at once.
 * @typedef {object} Pong
 * @property {"pong"} type
 */

/**
 * Answer to `join`: the room as it is. `chat` holds the last lines.
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {number} re
 * @property {number} protocol
 * @property {boolean} resumed
 * @property {boolean} prepared
 * @property {SessionKeys} session
 * @property {Room} room
 * @property {Participant} you
 * @property {Participant[]} participants
 * @property {SlotCounts} slots
 * @property {number} heartbeat_ms
 * @property {IceServer[]} ice_servers
 * @property {ChatLine[]} chat
 * @property {string | null} speaker
 */

/**
 * The SDP answer to `offer`.
 * @typedef {object} Answer
 * @property {"answer"} type
 * @property {number} re
 * @property {string} sdp
 */

/**
 * Done.
 * @typedef {object} Ok
 * @property {"ok"} type
 * @property {number} re
 */

/**
 * A request was refused (`re`), or a message could not be understood. The call goes on.
 * @typedef {object} Error
 * @property {"error"} type
 * @property {ErrorCode} code
 * @property {string} message
 * @property {number | null} [re]
 */

/**
 * The whole mapping of slots, each time it changes; `need`: offer that many more of each kind.
 * @typedef {object} Tracks
 * @property {"tracks"} type
 * @property {SlotState[]} slots
 * @property {SlotCounts} need
 */

/**
 * Someone came in.
 * @typedef {object} Joined
 * @property {"joined"} type
 * @property {Participant} participant
 */

/**
 * Someone's tracks, hand or state changed.
 * @typedef {object} Updated
 * @property {"updated"} type
 * @property {Participant} participant
 */

/**
 * Someone is gone.
 * @typedef {object} Left
 * @property {"left"} type
 * @property {string} participant
 * @property {Departure} reason
 */

/**
 * The active speaker, or null after a silence.
 * @typedef {object} Speaker
 * @property {"speaker"} type
 * @property {string | null} participant
 */

/**
 * A line of chat.
 * @typedef {object} ChatLine
 * @property {"chat"} type
 * @property {number} id
 * @property {string} from  participant id
 * @property {string} name
 * @property {string} text
 * @property {number} at
 */

/**
 * The room was locked or opened.
 * @typedef {object} Locked
 * @property {"locked"} type
 * @property {boolean} locked
 * @property {string | null} by
 */

/**
 * A host muted one of your tracks, or lifted that.
 * @typedef {object} Muted
 * @property {"muted"} type
 * @property {Source} source
 * @property {boolean} muted
 * @property {string | null} by
 */

/**
 * A host asks you to unmute.
 * @typedef {object} UnmuteRequest
 * @property {"unmute_request"} type
 * @property {Source} source
 * @property {string} by
 */

/**
 * You wait to be admitted: the answer to `enter` (`re`), or told after `welcome`. Nothing you send is
 * forwarded to anybody; go on sending, so that you are seen and heard as soon as you are let in.
 * @typedef {object} Held
 * @property {"held"} type
 * @property {string} reason  a stable word, or a sentence
 * @property {number | null} [re]
 */

/**
 * You waited, and are present now. Who and what is in the room follows.
 * @typedef {object} Admitted
 * @property {"admitted"} type
 */

/**
 * You were present, and wait to be admitted again: forget who and what was in the room.
 * @typedef {object} SentBack
 * @property {"sent_back"} type
 * @property {string} reason  a stable word, or a sentence
 */

/**
 * A plugin's panel on your page shows something else now: fetch its view anew. Also while you wait.
 * @typedef {object} Panel
 * @property {"panel"} type
 * @property {string} plugin
 * @property {string} panel
 */

/**
 * Each second; answer `pong` at once. Who hears nothing for 3 s takes the websocket as dead.
 * @typedef {object} Ping
 * @property {"ping"} type
 * @property {number} at
 */

/**
 * What the server knows of your media path: new, connected, silent, consent_lost, dtls_connected,
 * dtls_failed.
 * @typedef {object} Media
 * @property {"media"} type
 * @property {string} state
 */

/**
 * The last message; the close code follows. `rejoin`: join again by yourself.
 * @typedef {object} Bye
 * @property {"bye"} type
 * @property {string} reason
 * @property {string} message
 * @property {boolean} rejoin
 */

/**
 * What a client says.
 * @typedef {Join | Enter | Offer | Mute | MuteOther | Hand | Chat | Layer | Kick | End | Lock | Leave | Pong} ClientMessage
 */

/**
 * What the server says.
 * @typedef {Welcome | Answer | Ok | Error | Tracks | Joined | Updated | Left | Speaker | ChatLine | Locked | Muted | UnmuteRequest | Held | Admitted | SentBack | Panel | Ping | Media | Bye} ServerMessage
 */

export {};
