//! Commands, made in Python by one constructor each.

use std::net::SocketAddr;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use sfu_core::command::{CodecMapping, CommandBody, Encoding, IceCredentials, MasterKey};
use sfu_core::units::{ConsumerId, PayloadType, ProducerId, RouterId, Ssrc, TransportId, Tuple};

use crate::names::{parse_codec, parse_extension, parse_kind, parse_profile};

/// `(mime type, payload type, its RTX payload type, clock rate in Hz, format)`
type CodecRow = (String, u8, Option<u8>, u32, u32);

/// `(rid, ssrc, ssrc of retransmissions)`
type EncodingRow = (Option<String>, Option<u32>, Option<u32>);

/// What a worker is asked to do.
#[pyclass(frozen, module = "sfu._native")]
#[derive(Debug)]
pub(crate) struct Command(pub(crate) CommandBody);

#[pymethods]
impl Command {
    #[staticmethod]
    fn create_router(router: u64) -> Command {
        Command(CommandBody::CreateRouter {
            router: RouterId(router),
        })
    }

    #[staticmethod]
    fn close_router(router: u64) -> Command {
        Command(CommandBody::CloseRouter {
            router: RouterId(router),
        })
    }

    #[staticmethod]
    fn create_transport(router: u64, transport: u64, ufrag: String, pwd: String) -> Command {
        let local = IceCredentials { ufrag, pwd };
        Command(CommandBody::CreateTransport {
            router: RouterId(router),
            transport: TransportId(transport),
            local,
        })
    }

    #[staticmethod]
    fn set_extensions(
        transport: u64,
        extensions: Vec<(String, u8)>,
        mixed: bool,
    ) -> PyResult<Command> {
        let extensions = extensions
            .into_iter()
            .map(|(uri, id)| Ok((parse_extension(&uri)?, id)))
            .collect::<PyResult<_>>()?;
        let transport = TransportId(transport);
        Ok(Command(CommandBody::SetExtensions {
            transport,
            extensions,
            mixed,
        }))
    }

    #[staticmethod]
    fn restart_ice(transport: u64, ufrag: String, pwd: String) -> Command {
        let local = IceCredentials { ufrag, pwd };
        Command(CommandBody::RestartIce {
            transport: TransportId(transport),
            local,
        })
    }

    #[staticmethod]
    fn close_transport(transport: u64) -> Command {
        Command(CommandBody::CloseTransport {
            transport: TransportId(transport),
        })
    }

    #[staticmethod]
    fn install_keys(
        transport: u64,
        profile: &str,
        receive_key: Vec<u8>,
        receive_salt: Vec<u8>,
        send_key: Vec<u8>,
        send_salt: Vec<u8>,
    ) -> PyResult<Command> {
        Ok(Command(CommandBody::InstallKeys {
            transport: TransportId(transport),
            profile: parse_profile(profile)?,
            receive: MasterKey {
                key: receive_key,
                salt: receive_salt,
            },
            send: MasterKey {
                key: send_key,
                salt: send_salt,
            },
        }))
    }

    #[staticmethod]
    fn send_dtls(transport: u64, datagram: Vec<u8>) -> Command {
        Command(CommandBody::SendDtls {
            transport: TransportId(transport),
            datagram,
        })
    }

    #[staticmethod]
    fn adopt_tuple(transport: u64, local: &str, remote: &str) -> PyResult<Command> {
        let tuple = Tuple {
            local: parse_address(local)?,
            remote: parse_address(remote)?,
        };
        Ok(Command(CommandBody::AdoptTuple {
            transport: TransportId(transport),
            tuple,
        }))
    }

    #[staticmethod]
    #[pyo3(signature = (transport, producer, kind, mid, codecs, encodings, paused))]
    fn create_producer(
        transport: u64,
        producer: u64,
        kind: &str,
        mid: Option<String>,
        codecs: Vec<CodecRow>,
        encodings: Vec<EncodingRow>,
        paused: bool,
    ) -> PyResult<Command> {
        Ok(Command(CommandBody::CreateProducer {
            transport: TransportId(transport),
            producer: ProducerId(producer),
            kind: parse_kind(kind)?,
            mid,
            codecs: codecs
                .into_iter()
                .map(codec_mapping)
                .collect::<PyResult<_>>()?,
            encodings: encodings.into_iter().map(encoding).collect(),
            paused,
        }))
    }

    #[staticmethod]
    fn pause_producer(producer: u64, paused: bool) -> Command {
        Command(CommandBody::PauseProducer {
            producer: ProducerId(producer),
            paused,
        })
    }

    #[staticmethod]
    fn close_producer(producer: u64) -> Command {
        Command(CommandBody::CloseProducer {
            producer: ProducerId(producer),
        })
    }

    #[staticmethod]
    #[pyo3(signature = (transport, consumer, producer, mid, ssrc, rtx_ssrc, cname, codecs, paused))]
    #[allow(
        clippy::too_many_arguments,
        reason = "the command's fields, one by one"
    )]
    fn create_consumer(
        transport: u64,
        consumer: u64,
        producer: u64,
        mid: Option<String>,
        ssrc: u32,
        rtx_ssrc: Option<u32>,
        cname: String,
        codecs: Vec<CodecRow>,
        paused: bool,
    ) -> PyResult<Command> {
        Ok(Command(CommandBody::CreateConsumer {
            transport: TransportId(transport),
            consumer: ConsumerId(consumer),
            producer: ProducerId(producer),
            mid,
            ssrc: Ssrc(ssrc),
            rtx_ssrc: rtx_ssrc.map(Ssrc),
            cname,
            codecs: codecs
                .into_iter()
                .map(codec_mapping)
                .collect::<PyResult<_>>()?,
            paused,
        }))
    }

    #[staticmethod]
    fn pause_consumer(consumer: u64, paused: bool) -> Command {
        Command(CommandBody::PauseConsumer {
            consumer: ConsumerId(consumer),
            paused,
        })
    }

    #[staticmethod]
    fn close_consumer(consumer: u64) -> Command {
        Command(CommandBody::CloseConsumer {
            consumer: ConsumerId(consumer),
        })
    }

    #[staticmethod]
    fn set_preferred_layer(consumer: u64, spatial: u8, temporal: u8) -> Command {
        let consumer = ConsumerId(consumer);
        Command(CommandBody::SetPreferredLayer {
            consumer,
            spatial,
            temporal,
        })
    }

    #[staticmethod]
    fn request_keyframe(consumer: u64) -> Command {
        Command(CommandBody::RequestKeyframe {
            consumer: ConsumerId(consumer),
        })
    }

    #[staticmethod]
    fn read_stats() -> Command {
        Command(CommandBody::ReadStats)
    }

    #[staticmethod]
    fn set_local_addresses(addresses: Vec<String>) -> PyResult<Command> {
        let addresses = addresses
            .iter()
            .map(|address| parse_address(address))
            .collect::<PyResult<_>>()?;
        Ok(Command(CommandBody::SetLocalAddresses { addresses }))
    }

    #[staticmethod]
    fn panic() -> Command {
        Command(CommandBody::Panic)
    }
}

fn codec_mapping(
    (mime, payload_type, rtx, clock_rate, format): CodecRow,
) -> PyResult<CodecMapping> {
    Ok(CodecMapping {
        codec: parse_codec(&mime)?,
        payload_type: PayloadType(payload_type),
        rtx: rtx.map(PayloadType),
        clock_rate,
        format,
    })
}

fn encoding((rid, ssrc, rtx_ssrc): EncodingRow) -> Encoding {
    Encoding {
        rid,
        ssrc: ssrc.map(Ssrc),
        rtx_ssrc: rtx_ssrc.map(Ssrc),
    }
}

fn parse_address(text: &str) -> PyResult<SocketAddr> {
    text.parse()
        .map_err(|_| PyValueError::new_err(format!("not an address and port: {text}")))
}
