//! Observables: what the platform asks about, and what entities name.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::value::{hash_type, ip_address};
use super::vocabulary_macros::closed_vocabulary;

closed_vocabulary! {
    /// The types of observables that CTIM knows. Any other makes an entity invalid.
    ObservableType {
        Acudid = "acudid",
        AmpComputerGuid = "amp_computer_guid",
        CertificateCommonName = "certificate_common_name",
        CertificateIssuer = "certificate_issuer",
        CertificateSerial = "certificate_serial",
        CiscoCmId = "cisco_cm_id",
        CiscoMid = "cisco_mid",
        CiscoUcId = "cisco_uc_id",
        CortexAgentId = "cortex_agent_id",
        CrowdstrikeId = "crowdstrike_id",
        CvmId = "cvm_id",
        CybereasonId = "cybereason_id",
        DarktraceId = "darktrace_id",
        Device = "device",
        Domain = "domain",
        Email = "email",
        EmailMessageId = "email_messageid",
        EmailSubject = "email_subject",
        FileName = "file_name",
        FilePath = "file_path",
        GoogleChromebookId = "google_chromebook_id",
        GoogleCloudId = "google_cloud_id",
        Hostname = "hostname",
        Imei = "imei",
        Imsi = "imsi",
        IntuneId = "intune_id",
        Ip = "ip",
        Ipv6 = "ipv6",
        JamfManagementId = "jamf_management_id",
        MacAddress = "mac_address",
        Md5 = "md5",
        MerakiNetworkId = "meraki_network_id",
        MerakiNodeSn = "meraki_node_sn",
        MerakiOrgId = "meraki_org_id",
        MsMachineId = "ms_machine_id",
        Mutex = "mutex",
        NgfwId = "ngfw_id",
        NgfwName = "ngfw_name",
        OdnsIdentity = "odns_identity",
        OdnsIdentityLabel = "odns_identity_label",
        OrbitalNodeId = "orbital_node_id",
        PkiSerial = "pki_serial",
        ProcessArgs = "process_args",
        ProcessHash = "process_hash",
        ProcessName = "process_name",
        ProcessPath = "process_path",
        ProcessUid = "process_uid",
        ProcessUsername = "process_username",
        ProcessorId = "processor_id",
        RegistryKey = "registry_key",
        RegistryName = "registry_name",
        RegistryPath = "registry_path",
        S1AgentId = "s1_agent_id",
        SecureAccessId = "secure_access_id",
        SerialNumber = "serial_number",
        ServiceNowId = "service_now_id",
        Sha1 = "sha1",
        Sha256 = "sha256",
        SwcDeviceId = "swc_device_id",
        TrendMicroId = "trend_micro_id",
        Url = "url",
        User = "user",
        UserAgent = "user_agent",
    }
}

/// A thing that can be seen: an address, a name, a hash, ... Its value is never blank.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Observable {
    kind: ObservableType,
    // Shared: an observable is cloned into many relations.
    value: Arc<str>,
}

impl Observable {
    /// An observable with the value as it is. `None` for none and for a blank value.
    pub fn new<'a>(kind: ObservableType, value: impl Into<Option<&'a str>>) -> Option<Self> {
        let value = value.into().filter(|value| !value.trim().is_empty())?;
        Some(Self { kind, value: value.into() })
    }

    /// An `ip` or an `ipv6` observable, by what the text is. `None` when it is no address alone, e.g. when
    /// it has a port, a zone or a prefix length.
    pub fn address<'a>(text: impl Into<Option<&'a str>>) -> Option<Self> {
        let text = text.into()?;
        let kind = match ip_address(text)? {
            IpAddr::V4(_) => ObservableType::Ip,
            IpAddr::V6(_) => ObservableType::Ipv6,
        };
        Self::new(kind, text.trim())
    }

    /// An `md5`, `sha1` or `sha256` observable, by the number of hexadecimal digits. `None` for any other
    /// text.
    pub fn hash<'a>(text: impl Into<Option<&'a str>>) -> Option<Self> {
        let text = text.into()?;
        Self::new(hash_type(text)?, text)
    }

    /// The type.
    pub fn kind(&self) -> ObservableType {
        self.kind
    }

    /// The value, as it was received.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for Observable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}", self.kind, self.value)
    }
}

impl Serialize for Observable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Observable", 2)?;
        fields.serialize_field("type", &self.kind)?;
        fields.serialize_field("value", &*self.value)?;
        fields.end()
    }
}
