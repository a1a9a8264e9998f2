// Package gzip compresses a stream on all cores into bytes that do not depend
// on the number of cores.
//
// It owns the cutting of the input, the order of the pieces and the frame
// (RFC 1952: one member, no name, time 0, operating system "unknown"). The
// deflate encoder (RFC 1951) is klauspost/compress/flate v1.20.3. It does not
// know where compressed pieces are cached: whoever wants that passes a Memo.
//
// The output is a function of the input, the level and the encoder. A new
// version of the encoder may change it; then TestGoldenDigests fails, and
// Version and the version above go up together.
//
// # Approach
//
// The input is cut into chunks of 128 KiB. A chunk is compressed alone, with
// the 32 KiB before it as preset dictionary, and ends with a sync flush, that
// is on a byte boundary; so chunks are joined by appending. The last chunk is
// not special: an empty final block follows it. Hence the compressed form of a
// chunk depends on its own bytes and on the 32 KiB before it and on nothing
// else, least of all on its position, and is cached under their digest.
//
// The dictionary makes a 92 MB ext2 image about 1 % smaller at any level, for a
// tenth of the speed at level 6 and none at level 9. Chunks larger than 128 KiB
// do not gain anything: the flush at the end of a chunk is also a chance for the
// encoder to start with a new Huffman table.
//
// # Levels
//
// The same image on two cores (BenchmarkCompress, BenchmarkPeers):
//
//	level 1    332 MB/s    30.9 MB
//	level 6    158 MB/s    28.5 MB    pigz -6    60 MB/s    27.3 MB
//	level 8    103 MB/s    27.8 MB
//	level 9     28 MB/s    27.7 MB    pigz -9    16 MB/s    27.2 MB
//
// Level 8 is the one to take: level 9 costs four times as much for 0.3 %. The
// peers stay 2 % smaller; zlib also uses matches of three bytes, the encoder here
// (as the standard library's) only those of four and more.
package gzip
