//! How closed and open vocabularies are declared: each value stands once, beside its name.

/// A vocabulary that admits its listed values only: an enum.
macro_rules! closed_vocabulary {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value as CTIM writes it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

/// A vocabulary that admits any text: the published values, and those of providers, are constants.
macro_rules! open_vocabulary {
    ($(#[$doc:meta])* $name:ident { $($constant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, ::serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(::std::borrow::Cow<'static, str>);

        impl $name {
            $(
                #[doc = concat!("`", $text, "`")]
                pub const $constant: Self = Self(::std::borrow::Cow::Borrowed($text));
            )+

            /// A value that is not among the constants; `None` for blank text.
            pub fn new(text: impl Into<::std::borrow::Cow<'static, str>>) -> Option<Self> {
                Some(text.into()).filter(|text| !text.trim().is_empty()).map(Self)
            }

            /// The value as CTIM writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

pub(super) use {closed_vocabulary, open_vocabulary};
