//! Clients that send whatever there is: what they hear is in good order all the same.
