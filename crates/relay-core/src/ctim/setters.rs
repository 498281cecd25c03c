//! What entities have in common as code: chained setters, each declared in a line.

/// Declares setters: `<how> <name>: <what> => <the field>;`, where `how` is
/// - `text`: takes whatever may become a text of at most `what` characters; none and blank leave it out,
/// - `option`: takes a `what` or an `Option` of it,
/// - `value`: takes a `what`, for a required field that has a default.
macro_rules! setters {
    ($($(#[$doc:meta])* $how:ident $name:ident: $what:tt => $($field:ident).+;)+) => {
        $($crate::ctim::setters::setters!(@$how $(#[$doc])* $name: $what => $($field).+);)+
    };
    (@text $(#[$doc:meta])* $name:ident: $what:tt => $($field:ident).+) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: impl $crate::ctim::IntoText<$what>) -> Self {
            self.$($field).+ = $name.into_text();
            self
        }
    };
    (@option $(#[$doc:meta])* $name:ident: $what:tt => $($field:ident).+) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: impl Into<Option<$what>>) -> Self {
            self.$($field).+ = $name.into();
            self
        }
    };
    (@value $(#[$doc:meta])* $name:ident: $what:tt => $($field:ident).+) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: $what) -> Self {
            self.$($field).+ = $name;
            self
        }
    };
}

/// The setters of [`Base`](super::base::Base), for an entity whose `facts` hold one as `base`.
macro_rules! base_setters {
    () => {
        $crate::ctim::setters::setters! {
            /// The page that shows this at the provider.
            option source_uri: HttpUrl => facts.base.source_uri;
            /// When the provider made it or last changed it.
            option timestamp: Timestamp => facts.base.timestamp;
            /// With whom it may be shared; without one the platform takes `green`.
            option tlp: Tlp => facts.base.tlp;
        }

        /// Adds an id that the provider knows it by, unless it is there already.
        #[must_use]
        pub fn external_id(mut self, id: impl $crate::ctim::IntoText<2048>) -> Self {
            if let Some(id) = id.into_text()
                && !self.facts.base.external_ids.contains(&id)
            {
                self.facts.base.external_ids.push(id);
            }
            self
        }

        /// Adds a record of it elsewhere.
        #[must_use]
        pub fn external_reference(mut self, reference: impl Into<Option<ExternalReference>>) -> Self {
            if let Some(reference) = reference.into() {
                self.facts.base.external_references.get_or_insert_default().push(reference);
            }
            self
        }
    };
}

/// The setters of [`Words`](super::base::Words), for an entity whose `facts` hold one as `words`.
macro_rules! description_setters {
    () => {
        $crate::ctim::setters::setters! {
            /// A line that names it.
            text title: 1024 => facts.words.title;
            /// A sentence about it.
            text short_description: 2048 => facts.words.short_description;
            /// All that is to be said, in Markdown.
            text description: 5000 => facts.words.description;
        }
    };
}

pub(super) use {base_setters, description_setters, setters};
