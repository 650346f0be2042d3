//! The properties of a packet, kept as the checked bytes that they are on the wire.

use crate::{DecodeError, EncodeError, PacketType, Property, property::WILL, reader::Reader};

/// Checked properties of a received packet; also what an encoder takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties<'a>(&'a [u8]);

impl<'a> Properties<'a> {
    /// No property.
    pub const NONE: Self = Self(&[]);

    pub(crate) fn read(reader: &mut Reader<'a>, packet: PacketType) -> Result<Self, DecodeError> {
        Self::read_checked(reader, packet.bit())
    }

    pub(crate) fn read_will(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Self::read_checked(reader, WILL)
    }

    fn read_checked(reader: &mut Reader<'a>, carrier: u16) -> Result<Self, DecodeError> {
        let bytes = reader.block()?;
        let mut rest = Reader::new(bytes);
        let mut seen = 0_u64;
        while !rest.is_empty() {
            let property = Property::read(&mut rest)?;
            let id = property.id();
            if property.carriers() & carrier == 0 {
                return Err(DecodeError::MisplacedProperty(id));
            }
            // Identifiers end at 0x2a, so each has a bit.
            let bit = 1_u64 << (id & 0x3f);
            if seen & bit != 0 && !property.may_repeat(carrier) {
                return Err(DecodeError::DuplicateProperty(id));
            }
            seen |= bit;
        }
        Ok(Self(bytes))
    }

    /// One after the other, as they were sent.
    #[must_use]
    pub const fn iter(self) -> PropertyIter<'a> {
        PropertyIter(Reader::new(self.0))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The reason string, if there is one.
    #[must_use]
    pub fn reason_string(self) -> Option<&'a str> {
        self.iter().find_map(|property| match property {
            Property::ReasonString(text) => Some(text),
            _ => None,
        })
    }

    /// The bytes, to keep them; [`Properties::from_kept`] brings them back.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> IntoIterator for Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertyIter<'a>;
    fn into_iter(self) -> PropertyIter<'a> {
        self.iter()
    }
}

/// Iterator over [`Properties`].
#[derive(Clone, Debug)]
pub struct PropertyIter<'a>(Reader<'a>);

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;
    fn next(&mut self) -> Option<Property<'a>> {
        if self.0.is_empty() {
            return None;
        }
        Property::read(&mut self.0).ok()
    }
}

/// Properties being put together for a packet of one's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertiesBuf(Vec<u8>);

impl PropertiesBuf {
    /// None so far.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// None again; its memory is used for what comes next.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds one.
    ///
    /// # Errors
    /// A text or binary value is too long; nothing is added.
    pub fn push(&mut self, property: Property<'_>) -> Result<(), EncodeError> {
        let start = self.0.len();
        property
            .write(&mut self.0)
            .inspect_err(|_| self.0.truncate(start))
    }

    /// Ready to be encoded.
    #[must_use]
    pub fn as_properties(&self) -> Properties<'_> {
        Properties(&self.0)
    }
}

impl<'a> Properties<'a> {
    /// Properties from bytes that [`Properties::as_bytes`] returned. Other bytes are not
    /// unsafe, but iteration ends at the first that is not a property.
    #[must_use]
    pub const fn from_kept(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}
