//! What the room's entries and its snapshots are made of, as bytes. Pure.

use std::net::IpAddr;

use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::network::Network;
use crate::protocol::proof::KeyHash;
use crate::protocol::tag::Format;
use crate::server::admission::Origin;
use crate::server::audience::MemberId;
use crate::server::bytes::{Coded, Reader, Writer, coded};
use crate::server::connection::ConnectionId;
use crate::server::room::entry::{Credentials, Encryption, Whence};
use crate::server::room::group::Position;
use crate::server::room::people::facts::{Fact, FactKey};
use crate::server::room::people::invitations::{CodeHash, Invitation};
use crate::server::room::people::letters::Letter;
use crate::server::room::people::owners::Owner;
use crate::server::room::people::sanctions::Sanction;
use crate::server::room::token::TokenHash;

/// Writes and reads a struct with one field.
macro_rules! wrapped {
    ($($name:ident($inner:ty)),*) => { $(
        impl Coded for $name {
            fn write(&self, out: &mut Writer) {
                out.put(&self.0);
            }

            fn read(bytes: &mut Reader<'_>) -> Option<$name> {
                bytes.get::<$inner>().map($name)
            }
        }
    )* };
}

/// Writes an enum without fields as a number, and reads it.
macro_rules! numbered {
    ($name:ident { $($number:literal = $variant:ident),* }) => {
        impl Coded for $name {
            fn write(&self, out: &mut Writer) {
                let number: u8 = match self { $($name::$variant => $number),* };
                out.put(&number);
            }

            fn read(bytes: &mut Reader<'_>) -> Option<$name> {
                match bytes.get::<u8>()? { $($number => Some($name::$variant),)* _ => None }
            }
        }
    };
}

coded!(Position { ms, n });
coded!(ConnectionId { producer, number });
coded!(Credentials { key, has_password, code, may_claim });
coded!(Whence { encryption, address, origin });
coded!(Sanction { whom, likeness, key, network, is_of_name, until, by, why });
coded!(Invitation { until, by });
coded!(Letter { reader, other, other_word, at, text, lines });
wrapped!(MemberId(u64), TokenHash([u8; 32]), CodeHash([u8; 32]));
numbered!(Format { 0 = Plain, 1 = Tagged });
numbered!(Encryption { 0 = None, 1 = Loopback, 2 = Tls });

impl Coded for KeyHash {
    fn write(&self, out: &mut Writer) {
        out.raw(self.as_bytes());
    }

    fn read(bytes: &mut Reader<'_>) -> Option<KeyHash> {
        bytes.get().map(KeyHash::from_bytes)
    }
}

impl Coded for Origin {
    fn write(&self, out: &mut Writer) {
        out.put(&self.address());
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Origin> {
        bytes.get::<IpAddr>().map(Origin::of)
    }
}

impl Coded for Network {
    fn write(&self, out: &mut Writer) {
        out.text(&self.to_string());
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Network> {
        Network::parse(bytes.text()?)
    }
}

impl Coded for Name {
    fn write(&self, out: &mut Writer) {
        out.text(self.as_str());
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Name> {
        Name::from_other(bytes.text()?)
    }
}

impl Coded for Likeness {
    fn write(&self, out: &mut Writer) {
        out.text(self.folded());
        let [one, other] = self.looks();
        out.text(one).text(other);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Likeness> {
        let (folded, looks) = (bytes.get()?, [bytes.get()?, bytes.get()?]);
        Likeness::from_parts(folded, looks)
    }
}

impl Coded for Wanted {
    fn write(&self, out: &mut Writer) {
        out.text(self.folded());
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Wanted> {
        Wanted::from_folded(bytes.get()?)
    }
}

impl Coded for Owner {
    fn write(&self, out: &mut Writer) {
        let Owner { name, key, password, seen, is_operator, is_invited, .. } = self;
        out.put(name).put(self.likeness());
        out.put(key).put(password).put(seen);
        out.put(is_operator).put(is_invited);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Owner> {
        let named = bytes.get()?;
        let mut owner = Owner::new(named, bytes.get()?, bytes.get()?, bytes.get()?);
        (owner.is_operator, owner.is_invited) = bytes.get()?;
        Some(owner)
    }
}

impl Coded for (FactKey, Fact) {
    fn write(&self, out: &mut Writer) {
        let (key, fact) = self;
        match key {
            FactKey::Owner(word) => {
                out.put(&0_u8).text(word);
            }
            FactKey::Ban(id) => {
                out.put(&1_u8).put(id);
            }
            FactKey::Mute(id) => {
                out.put(&2_u8).put(id);
            }
            FactKey::Invitation(code) => {
                out.put(&3_u8).put(code);
            }
            FactKey::LetIn(key) => {
                out.put(&4_u8).put(key);
            }
            FactKey::Letter(id) => {
                out.put(&5_u8).put(id);
            }
            FactKey::Topic => {
                out.put(&6_u8);
            }
        };
        match fact {
            Fact::Owner(owner) => {
                out.put(owner);
            }
            Fact::Sanction(sanction) => {
                out.put(sanction);
            }
            Fact::Invitation(invitation) => {
                out.put(invitation);
            }
            Fact::LetIn => {}
            Fact::Letter(letter) => {
                out.put(letter);
            }
            Fact::Topic(topic) => {
                out.put(topic);
            }
        }
    }

    fn read(bytes: &mut Reader<'_>) -> Option<(FactKey, Fact)> {
        Some(match bytes.get::<u8>()? {
            0 => {
                let (word, owner) = (bytes.get::<String>()?, bytes.get::<Owner>()?);
                let fact = (owner.word() == word).then_some(Fact::Owner(owner))?;
                (FactKey::Owner(word), fact)
            }
            1 => (FactKey::Ban(bytes.get()?), Fact::Sanction(bytes.get()?)),
            2 => (FactKey::Mute(bytes.get()?), Fact::Sanction(bytes.get()?)),
            3 => (FactKey::Invitation(bytes.get()?), Fact::Invitation(bytes.get()?)),
            4 => (FactKey::LetIn(bytes.get()?), Fact::LetIn),
            5 => (FactKey::Letter(bytes.get()?), Fact::Letter(bytes.get()?)),
            6 => (FactKey::Topic, Fact::Topic(bytes.get()?)),
            _ => return None,
        })
    }
}
