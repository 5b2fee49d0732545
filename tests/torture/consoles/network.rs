//! A network of its own for each console: a namespace with one cable to this machine, which can be pulled out.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

/// The namespaces of a world. They are removed on drop.
pub struct Network {
    /// The third byte of its addresses.
    net: u8,
    consoles: usize,
}

impl Network {
    /// Makes a namespace for each console.
    pub fn new(consoles: usize) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let first = u8::try_from(std::process::id() % 250).expect("a byte");
        // Another run of the tests may have the net.
        for _ in 0..250 {
            let net = first.wrapping_add(NEXT.fetch_add(1, Ordering::SeqCst));
            let network = Self { net, consoles };
            if ip(&["netns", "add", &network.namespace(0)]).is_ok() {
                network.connect();
                return network;
            }
            std::mem::forget(network);
        }
        panic!(
            "network namespaces are needed (ip netns, of the package `iproute2`; root with CAP_NET_ADMIN and \
             CAP_SYS_ADMIN): {:?}",
            ip(&["netns", "add", "tenshi-try"])
        );
    }

    fn connect(&self) {
        for console in 0..self.consoles {
            let (space, cable) = (self.namespace(console), self.cable(console));
            if console > 0 {
                run(&["netns", "add", &space]);
            }
            run(&[
                "link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &space,
            ]);
            run(&[
                "addr",
                "add",
                &format!("{}/30", self.here(console)),
                "dev",
                &cable,
            ]);
            run(&["link", "set", &cable, "up"]);
            let there = format!("10.213.{}.{}/30", self.net, 4 * console + 2);
            run(&["-n", &space, "addr", "add", &there, "dev", "eth0"]);
            run(&["-n", &space, "link", "set", "eth0", "up"]);
            run(&["-n", &space, "link", "set", "lo", "up"]);
        }
    }

    fn namespace(&self, console: usize) -> String {
        format!("tenshi-{}-{console}", self.net)
    }

    fn cable(&self, console: usize) -> String {
        format!("tns{}c{console}", self.net)
    }

    /// The address of this machine, as the console sees it.
    pub fn here(&self, console: usize) -> String {
        format!("10.213.{}.{}", self.net, 4 * console + 1)
    }

    /// A command that runs a program in the namespace of the console: the program is our child.
    pub fn command(&self, console: usize) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.namespace(console)));
        command.arg("--");
        command
    }

    /// Nothing comes through any more, and nobody is told.
    pub fn pull(&self, console: usize) {
        run(&["link", "set", &self.cable(console), "down"]);
    }

    /// All is well again.
    pub fn plug(&self, console: usize) {
        run(&["link", "set", &self.cable(console), "up"]);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for console in 0..self.consoles {
            // The namespace lives on while a process is in it: the cable goes at once.
            let _ = ip(&["link", "del", &self.cable(console)]);
            let _ = ip(&["netns", "del", &self.namespace(console)]);
        }
    }
}

fn run(arguments: &[&str]) {
    ip(arguments).expect("a network namespace");
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    if fs::metadata("/sbin/ip").is_err() && fs::metadata("/usr/sbin/ip").is_err() {
        return Err("the package `iproute2` is missing".into());
    }
    let done = Command::new("ip").args(arguments).output();
    let done = done.map_err(|error| error.to_string())?;
    match done.status.success() {
        true => Ok(()),
        false => Err(format!(
            "ip {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&done.stderr)
        )),
    }
}
