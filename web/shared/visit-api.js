/**
 * What the pages ask the server for and what they expect back: shapes only. Times are milliseconds since 1970
 * (UTC), languages BCP 47. `GET /j/{code}/panels` lists the panels; a view is 204 when the panel isn't there for
 * this person; acts are the plugin's routes at `/j/{code}/plugins/<plugin>/...`.
 */

/**
 * A panel of a plugin in a page: a view, and an ES module that draws it. Without `module` the page's own is used.
 * @typedef {object} PanelInfo
 * @property {string} plugin
 * @property {string} panel
 * @property {"patient.step" | "patient.waiting" | "console.panel" | "console.list"} slot
 * @property {number} order
 * @property {string | null} [module]  path of the module on this server
 * @property {string} [words]  folder of its catalogues, `<words><language>.json`
 * @property {string} [view]  path of its view
 */

/**
 * `POST /j/{code}/session`
 * @typedef {object} Session
 * @property {string} name
 * @property {string} role
 * @property {string} room
 * @property {string} [identity]
 * @property {string} [clinic]
 * @property {string} [phone]  of the clinic, for whom the video fails
 * @property {string} [language]
 */

/** @typedef {"green" | "amber" | "red"} Light */

/**
 * What a check found; null where it could not be measured. bit/s and milliseconds.
 * @typedef {object} PreflightResult
 * @property {boolean} camera
 * @property {boolean} microphone
 * @property {boolean | null} speaker  null: not asked, or the person did not say
 * @property {boolean} media  the path to the media server is up
 * @property {number | null} rtt_ms
 * @property {number | null} jitter_ms
 * @property {number | null} down_bps
 * @property {number | null} up_bps
 * @property {Light} verdict
 */

/**
 * View preflight/check; acts: `POST result` PreflightResult, `POST phone` {phone}.
 * @typedef {object} PreflightView
 * @property {PreflightResult | null} result  of an earlier check in this visit
 * @property {string | null} phone  where the person asked to be called
 */

/**
 * View consent/forms; acts: `POST sign` {form, version, language, name}, `POST withdraw` {form}.
 * @typedef {object} ConsentView
 * @property {ConsentForm[]} forms  in the order of asking
 */

/**
 * @typedef {object} ConsentForm
 * @property {string} id
 * @property {"telehealth" | "recording" | "disclosure"} kind
 * @property {string} version
 * @property {string} language  of `title` and `text`
 * @property {string} title
 * @property {string} text  paragraphs, parted by an empty line
 * @property {boolean} required  without it the visit can't begin
 * @property {number | null} signed_at
 */

/**
 * View consent/location; act: `POST location` {country, state}.
 * @typedef {object} LocationView
 * @property {string | null} country  ISO 3166-1 alpha-2
 * @property {string | null} state  of the US: the two letters
 */

/**
 * View waiting_room/waiting; acts: `POST challenge` {name, birth_date} or {code} -> {passed, tries_left},
 * `POST say` {text}.
 * @typedef {object} WaitingView
 * @property {number | null} position  from 1; null: no queue
 * @property {number | null} estimate_minutes  null: nobody can say
 * @property {number} since
 * @property {number | null} starts_at
 * @property {string | null} clinician
 * @property {{name: string, here: boolean} | null} desk
 * @property {Challenge | null} challenge  null: passed, or none asked
 * @property {boolean} back  sent back from the call
 * @property {boolean} ready  the clinician is about to let them in
 * @property {Light | null} check
 * @property {Line[]} messages
 */

/** @typedef {{kind: "birth_date" | "code", tries_left: number}} Challenge */
/** @typedef {{id: string, name: string, text: string, at: number, own: boolean}} Line */

/**
 * `GET /api/v1/visits?day=today`: {visits: VisitRow[]}; `GET /api/v1/visits/events` sends `visit` with one
 * VisitRow, `gone` with {id}, `degraded` with {plugins}. Acts: `POST /api/v1/visits/{id}/waiting_room/admit`
 * {person}, `.../send-back` {person, reason}, `.../transfer` {to}, `.../say` {person, text};
 * `POST /api/v1/plugins/waiting_room/admit-all`.
 * @typedef {object} VisitRow
 * @property {string} id
 * @property {number} version
 * @property {string} room
 * @property {string} reason
 * @property {number} starts_at
 * @property {number} ends_at
 * @property {"booked" | "arrived" | "in_progress" | "finished" | "cancelled" | "noshow"} state
 * @property {string | null} clinician  account id
 * @property {string} clinician_name
 * @property {VisitPersonRow[]} people  the patient first
 * @property {VisitBadge[]} badges
 * @property {Line[]} messages  with the waiting patient
 */

/**
 * @typedef {object} VisitPersonRow
 * @property {string} id
 * @property {string} name
 * @property {string} role
 * @property {string} language
 * @property {string | null} birth_date  ISO 8601
 * @property {"away" | "waiting" | "present" | "dropped"} place
 * @property {number | null} arrived_at
 * @property {Light | null} light  of the preflight
 * @property {boolean | null} verified  the identity challenge: null when none is asked
 * @property {string | null} location
 * @property {string | null} phone
 */

/** @typedef {{text: string, tone: "neutral" | "good" | "waiting" | "warning" | "bad", detail?: string}} VisitBadge */
/** @typedef {{plugin: string, reason: string}} DegradedPlugin */
/** @typedef {{id: string, name: string, role: string}} Account */
/** @typedef {{visits: VisitRow[], me: Account, colleagues: Account[], degraded: DegradedPlugin[]}} Today */

/**
 * `GET /api/v1/demo`, in development only: the invented clinic. `POST /api/v1/demo/session` {account} signs in.
 * @typedef {object} DemoClinic
 * @property {{id: string, name: string, role: string, title: string}[]} team
 * @property {{name: string, link: string, starts_at: number, reason: string, language: string}[]} patients
 */

/**
 * `POST /api/v1/session` {name, password}; the second factor at `POST /api/v1/session/totp` {code}.
 * A `challenge` in the answer goes back with the code. `set_up_totp` among the methods: `POST
 * /api/v1/session/totp/setup` gives {secret, uri} to begin with.
 * @typedef {{state: "signed_in" | "second_factor", challenge?: string, methods?: string[]}} SignIn
 */

export {};
