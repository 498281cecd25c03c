//! What the products are called that alerts come from.

use relay_core::tiles::words;

/// By the words of `serviceSource` (<https://learn.microsoft.com/graph/api/resources/security-alert>).
const PRODUCTS: [(&str, &str); 11] = [
    ("microsoftDefenderForEndpoint", "Microsoft Defender for Endpoint"),
    ("microsoftDefenderForIdentity", "Microsoft Defender for Identity"),
    ("microsoftDefenderForOffice365", "Microsoft Defender for Office 365"),
    ("microsoftDefenderForCloudApps", "Microsoft Defender for Cloud Apps"),
    ("microsoftDefenderForCloud", "Microsoft Defender for Cloud"),
    ("microsoft365Defender", "Microsoft Defender XDR"),
    ("azureAdIdentityProtection", "Microsoft Entra ID Protection"),
    ("microsoftSentinel", "Microsoft Sentinel"),
    ("dataLossPrevention", "Microsoft Data Loss Prevention"),
    ("microsoftAppGovernance", "Microsoft App Governance"),
    ("microsoftInsiderRiskManagement", "Microsoft Insider Risk Management"),
];

/// What hunting still calls by an older name.
const RENAMED: [(&str, &str); 3] = [
    ("Microsoft 365 Defender", "Microsoft Defender XDR"),
    ("Microsoft Cloud App Security", "Microsoft Defender for Cloud Apps"),
    ("AAD Identity Protection", "Microsoft Entra ID Protection"),
];

fn named(names: &[(&str, &str)], name: &str) -> Option<String> {
    names.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, now)| (*now).to_owned())
}

/// The product of an alert of a list.
pub(super) fn of_list(word: &str) -> String {
    named(&PRODUCTS, word.trim()).unwrap_or_else(|| words(word.trim()))
}

/// The product of a row of hunting.
pub(super) fn of_hunting(name: &str) -> String {
    named(&RENAMED, name.trim()).unwrap_or_else(|| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_has_one_name_whichever_way_it_is_read() {
        for (word, name, product) in [
            (
                "microsoftDefenderForCloudApps",
                "Microsoft Cloud App Security",
                "Microsoft Defender for Cloud Apps",
            ),
            ("microsoft365Defender", "Microsoft 365 Defender", "Microsoft Defender XDR"),
            ("azureAdIdentityProtection", "AAD Identity Protection", "Microsoft Entra ID Protection"),
            ("microsoftSentinel", "Microsoft Sentinel", "Microsoft Sentinel"),
        ] {
            assert_eq!((of_list(word), of_hunting(name)), (product.to_owned(), product.to_owned()));
        }
        assert_eq!(of_list("microsoftThreatIntelligence"), "Microsoft Threat Intelligence");
        assert_eq!(of_list(""), "");
    }
}
