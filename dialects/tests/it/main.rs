//! Files of other formats, against Python's own modules: they read what ours writes, and ours reads what they write.

mod python;
