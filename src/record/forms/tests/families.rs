//! Heads and messages of devices, from their manuals and from logs.

use super::super::*;
use PrefixName::{Arista, Aruba, Cisco, Fortigate, Hp, Huawei, Junos, Mikrotik, Nxos, Panos};

/// What one kind of device writes: heads, each with the host in it (`-`: none), and messages.
pub(super) struct Family {
    pub name: PrefixName,
    pub heads: &'static [(&'static str, &'static str)],
    pub messages: &'static [&'static str],
}

pub(super) const CISCO: Family = Family {
    name: Cisco,
    heads: &[
        ("1432: test-switch1: Jun  1 12:50:26.172: ", "test-switch1"),
        (
            "117: NetAuto_CSRv-03: May  9 12:49:27.098: ",
            "NetAuto_CSRv-03",
        ),
        (
            "1179: core.example.org: May 31 15:25:53.743 MEST: ",
            "core.example.org",
        ),
        ("2361044: sw01: Jan 16 2022 22:11:43.398 UTC: ", "sw01"),
        ("2361044: sw01: Jan 16 2022 22:11:43: ", "sw01"),
        ("387448: host-01: May 6 16:13:09.123 UTC+07:30: ", "host-01"),
        ("45: *Mar  1 00:00:26.123: ", "-"),
        ("45: .Mar  1 00:00:26: ", "-"),
        ("45: Mar  1 2026 00:00:26.123 CET: ", "-"),
        (": Jan  6 2022 20:54:26.961: ", "-"),
        (": sw01: Jan  6 2022 21:01:34.964: ", "sw01"),
        (
            "3132811: sw01: 3132807: Jul 14 2023 08:23:43.398 UTC: ",
            "sw01",
        ),
        (
            "3132517: 192.168.100.2 3132513: Jul 14 2023 08:23:43.398 UTC: ",
            "192.168.100.2",
        ),
        (
            "3132783: 2a02:cf40::: 3132779: Jul 14 2023 08:23:43.398 UTC: ",
            "2a02:cf40::",
        ),
        ("3352436: 3352457: Aug 12 2023 12:14:24.412 mdt: ", "-"),
        ("182: 10.0.0.7: 00:00:46: ", "10.0.0.7"),
        ("3132517: sw01: 3132513: 2y10w: ", "sw01"),
        ("45: 1w2d: ", "-"),
        ("45: 3d07h: ", "-"),
        ("Mar  1 00:00:26.123: ", "-"),
        ("*Jul 14 2023 08:23:43.398 UTC: ", "-"),
        ("sw01: Jul 14 2023 08:23:43.398 UTC: ", "sw01"),
        ("45: sw9: ", "sw9"),
        ("45: ", "-"),
        ("2647599: 12router Mar 28 15:08:30.941 UTC: ", "12router"),
        // ASA and Firepower.
        ("Apr 15 2026 09:36:50: ", "-"),
        ("Apr 15 2026 09:36:50 fw1 : ", "fw1"),
        (
            "Oct 10 2019 10:21:36 fw-2.example.org: ",
            "fw-2.example.org",
        ),
        (":Apr 15 09:36:50 UTC: ", "-"),
        ("2026-04-15T09:36:50Z: ", "-"),
        ("Jun  1 2026 12:50:26 fw1 ", "fw1"),
        // A relay has put its own in front.
        (
            "3132517: Jul 13 08:23:43 192.168.100.2 sw01: 3132779: Jul 14 2023 08:23:43.398 UTC: ",
            "sw01",
        ),
        (
            "Oct 7 07:19:44 192.168.100.2 585917: Jul 14 2023 08:23:43 UTC: ",
            "192.168.100.2",
        ),
    ],
    messages: &[
        "%LINEPROTO-5-UPDOWN: Line protocol on Interface Gi1/0/1, changed state to up",
        "%LINK-3-UPDOWN: Interface GigabitEthernet0/1, changed state to down",
        "%LINK-5-CHANGED: Interface GigabitEthernet2, changed state to administratively down",
        "%SYS-5-CONFIG_I: Configured from console by admin on vty0 (10.100.11.10)",
        "%SYS-5-RESTART: System restarted --",
        "%SYS-2-MALLOCFAIL: Memory allocation of 65536 bytes failed from 0x604B7C8, alignment 0",
        "%SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: root] [Source: 192.0.2.1] [localport: 22]",
        "%SEC-6-IPACCESSLOGP: list 100 denied tcp 192.0.2.1(37538) -> 192.0.2.2(22), 1 packet",
        "%SSH-5-SSH2_SESSION: SSH2 Session request from 192.0.2.1 (tty = 0) using crypto succeeded",
        "%OSPF-5-ADJCHG: Process 1, Nbr 192.0.2.1 on Vlan10 from LOADING to FULL, Loading Done",
        "%BGP-5-ADJCHANGE: neighbor 192.0.2.1 Down BGP Notification sent",
        "%DUAL-5-NBRCHANGE: EIGRP-IPv4 100: Neighbor 192.0.2.1 (Tunnel0) is down: holding time expired",
        "%HSRP-5-STATECHANGE: Vlan10 Grp 1 state Standby -> Active",
        "%CDP-4-NATIVE_VLAN_MISMATCH: Native VLAN mismatch discovered on Gi0/2 (1), with sw2 Gi0/1 (10).",
        "%SPANTREE-2-BLOCK_BPDUGUARD: Received BPDU on port Gi1/0/5 with BPDU Guard enabled.",
        "%PM-4-ERR_DISABLE: bpduguard error detected on Gi1/0/5, putting Gi1/0/5 in err-disable state",
        "%ENVMON-4-FAN_LOW_RPM: Fan 2 service recommended",
        "%ILPOWER-5-IEEE_DISCONNECT: Interface Gi1/0/20: PD removed",
        "%DOT1X-5-FAIL: Authentication failed for client (001e.0b80.13b5) on Interface Gi1/0/16",
        "%IOSXE-4-PLATFORM: R0/0: kernel: EXT2-fs (sda1): error",
        "%PARSER-5-CFGLOG_LOGGEDCMD: User:admin  logged command:no shutdown",
        "%ASA-6-302013: Built inbound TCP connection 1 for outside:192.0.2.1/80 to inside:10.0.0.1/80",
        "%ASA-4-106023: Deny tcp src outside:192.0.2.1/1 dst inside:10.0.0.1/22 by access-group \"a\"",
        "%ASA-session-6-106015: Deny TCP (no connection) from 192.0.2.1/5044 to 192.0.2.2/49786",
        "%FTD-5-111010: User 'enable_15', running 'CLI' from IP 0.0.0.0, executed 'write memory'",
    ],
};

pub(super) const XR: Family = Family {
    name: Cisco,
    heads: &[
        (
            "2647599: xrv01 RP/0/RSP1/CPU0:Mar 28 15:08:30.941 UTC: ",
            "xrv01",
        ),
        (
            "12345: gw1.acy1 RP/0/RSP1/CPU0:Nov  1 11:11:24.927: ",
            "gw1.acy1",
        ),
        (
            "94307: gw2.acy1 RP/0/RSP1/CPU0:Jul  7 20:16:14.834 : ",
            "gw2.acy1",
        ),
        ("1234: RP/0/RSP1/CPU0:2026 Mar 28 15:08:30.941 UTC: ", "-"),
        ("RP/0/RSP1/CPU0:Jul 11 14:35:28.332 : ", "-"),
        (
            "Oct 7 07:19:44 mgmt-1 RP/0/RSP1/CPU0:Oct 7 07:19:43.630 UTC: ",
            "mgmt-1",
        ),
    ],
    messages: &[
        "bgp[1051]: %ROUTING-BGP-5-MAXPFX : No. of IPv4 Unicast prefixes has reached 94106",
        "ifmgr[214]: %PKT_INFRA-LINK-3-UPDOWN : Interface TenGigE0/0/0/1, changed state to Down",
        "isis[1006]: %ROUTING-ISIS-5-ADJCHANGE : Adjacency to gw1.nyc1 Down, Interface state down",
        "SSHD_[65935]: %SECURITY-SSHD-6-INFO_USER_LOGOUT : User 'a' from '192.0.2.1' logged out",
        "config[65738]: %MGBL-SYS-5-CONFIG_I : Configured from console by admin",
        "tacacsd[1138]: Privilege level callback for request 0x500453e8",
    ],
};

pub(super) const NXOS: Family = Family {
    name: Nxos,
    heads: &[
        (": 2026 Aug 13 22:08:06 UTC: ", "-"),
        (": 2026 May  2 12:57:15.003 UTC: ", "-"),
        ("10.100.0.32: 2026 Apr 27 09:36:56 UTC: ", "10.100.0.32"),
        ("sw01.pdx01: 2026 Jul 28 14:42:46 UTC: ", "sw01.pdx01"),
        ("nexus-switch: 2026 Jul 28 14:42:46 AEST: ", "nexus-switch"),
        ("2026 Apr 20 13:15:07 nexus-switch ", "nexus-switch"),
        ("2026 May  1 22:58:09 switch01 ", "switch01"),
        ("109692: switch7: May 9 14:40:12.903: ", "switch7"),
        (
            "May 3 13:20:50 ac508f-sr1 6031594: May 3 13:20:48.739 AEST: ",
            "ac508f-sr1",
        ),
        (": 2023host Aug 27 21:40:50 PDT: ", "2023host"),
    ],
    messages: &[
        "%ETHPORT-5-IF_ADMIN_UP: Interface Ethernet1/2 is admin up .",
        "%ETHPORT-5-IF_DOWN_LINK_FAILURE: Interface Ethernet1/33 is down (Link failure)",
        "%ETHPORT-5-IF_DUPLEX: Interface Ethernet1/33, operational duplex mode changed to Full",
        "%ETHPORT-5-SPEED: Interface Ethernet12/34, operational speed changed to 10 Gbps",
        "%AUTHPRIV-6-SYSTEM_MSG: pam_unix(dcos_sshd:session): session opened for user luke by (uid=0) - dcos_sshd[12977]",
        "%AUTHPRIV-3-SYSTEM_MSG: pam_aaa:Authentication failed from 192.0.2.1 - dcos_sshd[14361]",
        "%DAEMON-3-SYSTEM_MSG: error: PAM: Authentication failure for admin from 192.0.2.1 - sshd[10020]",
        "%STP-2-BLOCK_BPDUGUARD: Received BPDU on port Ethernet1/43 with BPDU Guard enabled.",
        "%VSHD-5-VSHD_SYSLOG_CONFIG_I: Configured from vty by admin on 192.0.2.1@pts/0",
        "%SYSMGR-5-CFGWRITE_DONE: Configuration copy successful.",
        "%VPC-2-L3_VPC_UNEQUAL_WEIGHT: Layer3 peer-router is enabled.",
        "%L2FM-4-L2FM_MAC_MOVE2: Mac 0010.dbff.100f in vlan 3949 has moved from Po5 to Po6",
        "%CDP-4-DUPLEX_MISMATCH: Duplex mismatch discovered on Ethernet1/47, with FastEthernet0/24",
        "%TACACS-4-TACACS_WARNING: Problem during name-lookup.",
        "%HMM-2-DUP_HOSTS:  hmm [23346]  (vrf) [IPv4] Detected a potential duplicate host 10.0.0.1/32",
        "%PLATFORM-2-PS_FAIL: Power supply 1 failed or shut down (Serial number DTN1)",
        "%MODULE-5-ACTIVE_SUP_OK: Supervisor 5 is active (serial: JAF1)",
        "%INTERFACE_VLAN-5-UPDOWN: Line Protocol on Interface vlan 20, changed state to up",
        "%KERN-4-SYSTEM_MSG: [21740036.313350] EDAC MC0: 1 CE memory read error - kernel",
        "%SNMPD-6-INFO: SNMP log informational : Processing packet for non-MTS (sockets)",
        "%EARL-SW2_DFC1-1-EXCESSIVE_PARITY_ERROR: EARL 0: Parity error detected in VRAM",
        "%ARP-4-INVAL_IP:  arp [3303]  Received packet with invalid destination IP address",
        "%USER-5-SYSTEM_MSG: cleanup_mts_q = 27 - vsh.bin",
        "last message repeated 3 times",
    ],
};

/// The heads of the loose form, and what several makers' devices write behind them.
pub(super) const LOOSE: &[(&str, &str)] = &[
    ("Jul  8 23:04:13  vmx01 ", "vmx01"),
    ("Jan 18 02:59:24.466 2026  sellb-er4 ", "sellb-er4"),
    ("Jan 18 02:59:24 2026 sellb-er4 ", "sellb-er4"),
    ("Jan  1 00:15:35.123 sw1 ", "sw1"),
    (" Jan 1 00:15:35 HP-2910al-24G ", "HP-2910al-24G"),
    ("Jan 1 00:15:35 sw1 ", "sw1"),
    ("Jun  1 2026 12:50:26 sw1 ", "sw1"),
    ("Jun  1 12:50:26 2026 [10.1.1.1] ", "10.1.1.1"),
    ("Jun  1 12:50:26.123456 UTC leaf1 ", "leaf1"),
    ("2026 Jun  1 12:50:26 leaf1 ", "leaf1"),
    ("2026-06-01T12:50:26.1 leaf1 ", "leaf1"),
    ("2026-06-01T12:50:26 leaf1 ", "leaf1"),
    ("Jun  1, 2026 12:50:26 leaf1 ", "leaf1"),
];

pub(super) const JUNOS: Family = Family {
    name: Junos,
    heads: LOOSE,
    messages: &[
        "alarmd[2449]: Alarm set: FPC color=RED, class=CHASSIS, reason=FPC 0 Hard errors",
        "craftd[4817]:  Major alarm cleared, Host 0 me0 : Ethernet Link Down",
        "rpd[1848]: bgp_read_message:2764: NOTIFICATION received from 192.0.2.1 (External AS 1)",
        "rpd[14331]: BGP_PREFIX_THRESH_EXCEEDED: 192.0.2.1 (External AS 15169): threshold exceeded",
        "rpd[1871]: RPD_BGP_NEIGHBOR_STATE_CHANGED: BGP peer 192.0.2.1 changed state from a to b",
        "mib2d[1234]: SNMP_TRAP_LINK_DOWN: ifIndex 513, ifAdminStatus up(1), ifName ge-0/0/1",
        "mgd[72050]: UI_COMMIT: User 'luke' requested 'commit' operation (comment: none)",
        "mgd[3046]: UI_DBASE_LOGOUT_EVENT: User 'regress' exiting configuration mode",
        "mgd[33918]: UI_COMMIT_PROGRESS: Commit operation in progress: commit complete",
        "sshd[23456]: Failed password for root from 192.0.2.1 port 22 ssh2",
        "sshd[2345]: SSHD_LOGIN_FAILED: Login failed for user 'root' from host '192.0.2.1'",
        "/kernel: tcp_auth_ok: Packet from 192.0.2.1:61664 wrong MD5 digest",
        "fpc0 XMCHIP(0): PT0: Parity error",
        "chassisd[27847]: CHASSISD_FPC_ASIC_ERROR: <FPC 1> ASIC Error detected errorno 0x00070138",
        "chassisd[1234]: %DAEMON-3-CHASSISD_FAN_FAIL: Fan 1 failed",
        "l2cpd[9526]: ROOT_PORT: for VSTP in routing-instance default",
        "jddosd[2086]: DDOS_PROTOCOL_VIOLATION_SET: Warning: Host-bound traffic for protocol",
        "lacpd[1234]: LACP_INTF_DOWN: ae1: Interface marked down due to lacp timeout on xe-0/0/1",
        "kmd[1234]: KMD_PM_SA_ESTABLISHED: Local gateway: 192.0.2.1",
        "RT_FLOW: RT_FLOW_SESSION_CREATE: session created 192.0.2.1/1->192.0.2.2/443 0x0 junos-https",
        "eswd[1333]: ESWD_MAC_LIMIT_EXCEEDED: MAC limit (3) exceeded at ge-0/0/1.0",
        "xntpd[1234]: kernel time sync enabled 2001",
        "login: LOGIN_INFORMATION: User root logged in from host [unknown] on device ttyu0",
        "last message repeated 2 times",
    ],
};

pub(super) const ARISTA: Family = Family {
    name: Arista,
    heads: LOOSE,
    messages: &[
        "Ebra: %LINEPROTO-5-UPDOWN: Line protocol on Interface Ethernet1, changed state to down",
        "Bgp: %BGP-5-ADJCHANGE: peer 192.0.2.2 (VRF default AS 12345) old state Established",
        "Rib: %BGP-3-NOTIFICATION: received from neighbor 192.0.2.2 6/2 (cease)",
        "Rib: %AGENT-6-INITIALIZED: Agent 'Rib' initialized; pid=7104",
        "Isis: %ISIS-4-ISIS_ADJCHG: L2 Neighbor State Change for SystemID 0000",
        "Bfd: %BFD-5-STATE_CHANGE: peer 192.0.2.1 state change from Down to Up",
        "ConfigAgent: %SYS-5-CONFIG_STARTUP: Startup config saved by admin on vty3 (127.0.0.1).",
        "ConfigAgent: %SYS-5-CONFIG_I: Configured from console by admin on vty3 (192.0.2.1)",
        "Stp: %SPANTREE-6-INTERFACE_ADD: Interface Ethernet1 has been added to instance MST0",
        "Lldp: %LLDP-5-NEIGHBOR_NEW: LLDP neighbor with chassisId 001c.7300.0001 added",
        "PowerFuse: %HARDWARE-3-POWER_SUPPLY: Power supply 1 failed",
        "ProcMgr-worker: %PROCMGR-6-PROCESS_STARTED: 'Rib' starting with PID=7104 (PPID=1)",
        "ProcMgr-worker: %PROCMGR-6-TERMINATE_RUNNING_PROCESS: Terminating deconfigured process",
        "ProcMgr-worker: %PROCMGR-7-WORKER_WARMSTART: ProcMgr worker warm start.",
        "MaintenanceMode: %MMODE-5-MAINT_UNIT_STATE_CHANGE: Maintenance unit state changed",
        "Aaa: %AAA-5-LOGIN: user admin logged in [from: 192.0.2.1] [service: sshd]",
        "Aaa: %AAA-4-LOGIN_FAILED: user admin failed to login [from: 192.0.2.1] [service: sshd]",
        "Fru: %FRU-6-TRANSCEIVER_INSERTED: Transceiver for interface Ethernet1 has been inserted.",
        "SandFap: %SAND-3-DDR_BIST_FAILED: DRAM test failed",
        "Mlag: %MLAG-4-STATE_NOT_ACTIVE: MLAG state is not active",
        "EventMgr: %SYS-6-EVENT_TRIGGER_ACTIVATED: Event handler on-boot was activated",
        "Snmp: %SNMP-3-AUTHFAIL: Authentication failure for SNMP req from host 192.0.2.1",
        "PimBidir: %PIM-5-NBRCHG: neighbor 192.0.2.1 UP",
        "kernel: [12345.6] Out of memory",
    ],
};

pub(super) const HP: Family = Family {
    name: Hp,
    heads: LOOSE,
    messages: &[
        "00076 ports: port 2 is now on-line",
        "00077 ports: port 2 is now off-line",
        "00435 ports: port 12 is Blocked by STP",
        "00828 lldp: PVID mismatch on port 24(VID 1)with peer device port 1(VID 10)(1)",
        "00025 ip: DEFAULT_VLAN: ip address 192.0.2.1/24 configured on vlan 1",
        "00413 SNTP: Updated time by 4 seconds",
        "00179 mgr: SME SSH from 192.0.2.1 - MANAGER Mode",
        "00419 auth: Invalid user name/password on SSH session",
        "00332 FFI: port 3-Excessive CRC/alignment errors. See help.",
        "00331 FFI: port A1-High collision or drop rate. See help.",
        "02633 SNTP: Updated time by 1 seconds from server at 192.0.2.1.",
        "00092 dhcp: Enabling Auto Image Config Download via DHCP",
        "%%10IFNET/3/PHY_UPDOWN: Physical state on the interface GE1/0/1 changed to up.",
        "%%10SHELL/5/SHELL_LOGIN: admin logged in from 192.0.2.1.",
    ],
};

pub(super) const ARUBA: Family = Family {
    name: Aruba,
    heads: LOOSE,
    messages: &[
        "stm[3556]: <501100> <NOTI> |stm| Assoc success @ 12:50:26.1: aa:bb:cc:dd:ee:ff",
        "authmgr[1234]: <522008> <NOTI> |authmgr| User Authentication Successful: username=a",
        "authmgr[1234]: <522275> <ERRS> |authmgr| User Authentication failed. username=a",
        "sapd[2345]: <326265> <WARN> |sapd| AM: New AP detected",
        "fpapps[1234]: <399838> <WARN> |fpapps| Resource 'Controlpath CPU' has exceeded 60%",
        "nanny[1234]: <303022> <WARN> |nanny| Reboot Reason: AP rebooted",
        "webui[1234]: USER: admin has logged in from 192.0.2.1.",
        "cli[1234]: USER:admin@192.0.2.1 COMMAND:<show version > -- command executed successfully",
        "hpe-config[1234]: Event|6801|LOG_INFO|AMM|-|Copying configs",
        "intfd[1234]: Event|403|LOG_INFO|UKWN|1|Link status for interface 1/1/1 is up",
    ],
};

pub(super) const MIKROTIK: Family = Family {
    name: Mikrotik,
    heads: &[
        ("Jul  8 23:04:13  gw1 ", "gw1"),
        ("Jul 8 23:04:13 gw1 ", "gw1"),
        ("2026-06-01T12:50:26.1 gw1 ", "gw1"),
        ("jun/01/2026 12:50:26 ", "-"),
        ("jun/01 12:50:26 ", "-"),
        ("2026-06-01 12:50:26 ", "-"),
        ("06-01 12:50:26 ", "-"),
        ("12:50:26 ", "-"),
    ],
    messages: &[
        "system,info,account user admin logged in from 192.0.2.1 via winbox",
        "system,info,account user admin logged out from 192.0.2.1 via ssh",
        "system,error,critical login failure for user root from 192.0.2.1 via ssh",
        "system,error,critical router was rebooted without proper shutdown",
        "system,info router rebooted",
        "interface,info ether1 link up (speed 1G, full duplex)",
        "interface,info ether1 link down",
        "dhcp,info dhcp1 assigned 192.0.2.10 for aa:bb:cc:dd:ee:ff host",
        "dhcp,info dhcp1 deassigned 192.0.2.10 for aa:bb:cc:dd:ee:ff host",
        "wireless,info aa:bb:cc:dd:ee:ff@wlan1: connected, signal strength -40",
        "firewall,info input: in:ether1 out:(unknown 0), proto TCP (SYN), 192.0.2.1:1->192.0.2.2:22",
        "l2tp,ppp,info <l2tp-a>: assigned IP 192.0.2.9",
        "pppoe,ppp,info,account a logged in, 192.0.2.9 from aa:bb:cc:dd:ee:ff",
        "ipsec,error phase1 negotiation failed due to time up 192.0.2.1[500]<=>192.0.2.2[500]",
        "route,ospf,info OSPFv2 neighbor 192.0.2.1: state change from Full to Down",
        "script,error script error: no such item",
    ],
};

pub(super) const FORTIGATE: Family = Family {
    name: Fortigate,
    heads: &[
        (
            "date=2026-06-01 time=12:50:26 devname=\"FGT60E\" devid=\"FGT60E1\" eventtime=1685612345 tz=\"+0200\" ",
            "FGT60E",
        ),
        (
            "date=2026-06-01 time=12:50:26 devname=fw01 devid=FG800D0123456789 ",
            "fw01",
        ),
        (
            "date=2026-06-01 time=12:50:26 devname=\"FGT60E\" devid=\"FGT60E1\" ",
            "FGT60E",
        ),
        ("date=2026-06-01 time=12:50:26 ", "-"),
        (
            "date=2026-06-01 time=12:50:26 eventtime=1685612345123456789 tz=\"+0200\" ",
            "-",
        ),
        (
            "timestamp=1685612345 tz=\"UTC+2:00\" devname=\"FGT60E\" devid=\"FGT60E1\" vd=\"root\" date=2026-06-01 time=12:50:26 ",
            "FGT60E",
        ),
        (
            "Jun 1 12:50:26 gw date=2026-06-01 time=12:50:26 devname=\"FGT60E\" devid=\"FGT60E1\" ",
            "FGT60E",
        ),
    ],
    messages: &[
        "logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" srcip=192.0.2.1",
        "logid=\"0100032001\" type=\"event\" subtype=\"system\" level=\"information\" vd=\"root\" logdesc=\"Admin login successful\" user=\"admin\"",
        "logid=\"0100032002\" type=\"event\" subtype=\"system\" level=\"alert\" vd=\"root\" logdesc=\"Admin login failed\" user=\"root\"",
        "logid=0001000014 type=traffic subtype=local level=notice vd=root srcip=172.30.0.1 srcport=48770",
        "logid=\"0101039424\" type=\"event\" subtype=\"vpn\" level=\"information\" vd=\"root\" logdesc=\"SSL VPN tunnel up\"",
        "logid=\"0101039426\" type=\"event\" subtype=\"vpn\" level=\"alert\" vd=\"root\" logdesc=\"SSL VPN login fail\"",
        "logid=\"0419016384\" type=\"utm\" subtype=\"ips\" eventtype=\"signature\" level=\"alert\" vd=\"root\" severity=\"high\"",
        "logid=\"0100020099\" type=\"event\" subtype=\"system\" level=\"information\" vd=\"root\" logdesc=\"Interface status changed\"",
    ],
};

pub(super) const PANOS: Family = Family {
    name: Panos,
    heads: &[
        (
            "1,2026/06/01 12:50:26,001801000000,SYSTEM,general,0,2026/06/01 12:50:26,",
            "-",
        ),
        (
            "1,2026/06/01 12:50:27,001801000000,SYSTEM,general,1,2026/06/01 12:50:28,",
            "-",
        ),
        (
            " Jul 14 11:22:29 MY-HOST.example.com 1,2026/07/14 10:26:22,003924147953,SYSTEM,general,2057,2026/07/14 10:20:24,",
            "MY-HOST.example.com",
        ),
        (
            "Jul 8 11:22:29 pa1 1,2026/07/08 10:26:22,003924147953,SYSTEM,general,2057,2026/07/08 10:20:24,",
            "pa1",
        ),
    ],
    messages: &[
        ",general,,0,0,general,informational,\"User admin logged in via Web from 192.0.2.1 using https\"",
        ",auth-fail,,0,0,general,medium,\"failed authentication for user 'root'. Reason: Invalid username/password.\"",
        "vsys1,tls-edl-auth-success,edl1,0,0,general,informational,\"EDL server certificate authentication ok\"",
        ",ha2-link-change,,0,0,ha,critical,\"HA Group 1: HA2 link down\"",
    ],
};

pub(super) const HUAWEI: Family = Family {
    name: Huawei,
    heads: &[
        (
            "2018-7-23 01:00:34.270.1 my-huawei-switch ",
            "my-huawei-switch",
        ),
        ("2026-06-01 12:50:26 sw1 ", "sw1"),
        ("Jun  1 2026 12:50:26 sw1 ", "sw1"),
        ("Jun  1 2026 12:50:26+08:00 sw1 ", "sw1"),
    ],
    messages: &[
        "%%01IFNET/4/IF_STATE(l)[4997]:Interface Ethernet0/0/8 has turned into DOWN state.",
        "%%01CMD/4/REBOOT(l):The user chose N when deciding whether to reboot the system.",
        "%%01SSH/4/SSH_FAIL(s)[1]:Failed to login through SSH. (IP=192.0.2.1, UserName=root)",
    ],
};

pub(super) const FAMILIES: [&Family; 11] = [
    &CISCO, &XR, &NXOS, &JUNOS, &ARISTA, &HP, &ARUBA, &MIKROTIK, &FORTIGATE, &PANOS, &HUAWEI,
];
