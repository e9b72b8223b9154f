//! The machine's own addresses.

use std::io;
use std::net::IpAddr;

use super::message::Name;

/// An address of an interface that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Interface name, such as `eth0`.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
    /// It is a loopback interface.
    pub loopback: bool,
}

/// Addresses of all interfaces that are up, in the kernel's order; IPv6 link-local ones are left
/// out, since a candidate can't carry the interface they need.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: getifaddrs writes the list's head there, which is freed below.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = list;
    // SAFETY: every node of the list lives until freeifaddrs; its end is null.
    while let Some(node) = unsafe { next.as_ref() } {
        next = node.ifa_next;
        let flags = node.ifa_flags as i32;
        if flags & libc::IFF_UP == 0 || node.ifa_addr.is_null() {
            continue;
        }
        // SAFETY: the address isn't null and lives as long as the node.
        let Some(address) = (unsafe { read_address(node.ifa_addr) }) else {
            continue;
        };
        if matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
            continue;
        }
        // SAFETY: the name is a C string that lives as long as the node.
        let name = unsafe { std::ffi::CStr::from_ptr(node.ifa_name) };
        found.push(Interface {
            name: name.to_string_lossy().into_owned(),
            address,
            loopback: flags & libc::IFF_LOOPBACK != 0,
        });
    }
    // SAFETY: `list` came from getifaddrs and nothing borrowed from it is left.
    unsafe { libc::freeifaddrs(list) };
    Ok(found)
}

/// # Safety
/// `address` points to a socket address as long as its family says.
unsafe fn read_address(address: *const libc::sockaddr) -> Option<IpAddr> {
    let mut name = Name::empty();
    // SAFETY: by the caller's promise the family may be read, and then the whole of its struct.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => name.v4 = address.cast::<libc::sockaddr_in>().read_unaligned(),
            libc::AF_INET6 => name.v6 = address.cast::<libc::sockaddr_in6>().read_unaligned(),
            _ => return None,
        }
    }
    name.read().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_found() {
        let loopback = interfaces()
            .unwrap()
            .into_iter()
            .find(|found| found.loopback)
            .unwrap();
        assert!(loopback.address.is_loopback());
        assert_eq!(loopback.name, "lo");
    }
}
