using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.Build.Framework;

/// <summary>
/// Copies a Linux library, and marks the symbol versions of one other library that it does not really use as optional.
/// </summary>
/// <remarks>
/// TorchSharp's libLibTorchSharp.so is built with GCC 13. The compiler then records that the library needs version
/// GLIBCXX_3.4.32 of libstdc++.so.6, because of a marker symbol (std::ios_base_library_init) that no code refers to.
/// Debian 12 and Ubuntu 22.04 have an older libstdc++, and their loader refuses the library. The ELF format has a flag
/// for a version that may be missing (VER_FLG_WEAK). This task sets it for each version that no relocation uses. A
/// version that some code does use stays required. The format: "Linux Standard Base Core Specification", chapter
/// "Symbol Versioning", and "System V ABI", chapter 4.
/// </remarks>
public sealed class RelaxVersionNeeds : Microsoft.Build.Utilities.Task
{
    private const ushort WeakVersion = 2;

    /// <summary>The library to copy: 64-bit, little-endian ELF.</summary>
    [Required]
    public string Source { get; set; } = "";

    /// <summary>The file to write.</summary>
    [Required]
    public string Destination { get; set; } = "";

    /// <summary>The library whose versions may become optional.</summary>
    [Required]
    public string Library { get; set; } = "";

    public override bool Execute()
    {
        try
        {
            var elf = new ElfFile(File.ReadAllBytes(Source));
            var used = elf.VersionsUsedByRelocations();
            var needs = elf.VersionNeeds().Where(need => need.Library == Library);
            foreach (var need in needs.Where(need => !used.Contains(need.Index)))
            {
                elf.SetNeedFlags(need, WeakVersion);
                Log.LogMessage(MessageImportance.Low, $"{Source}: {need.Version} of {Library} is now optional.");
            }

            Directory.CreateDirectory(Path.GetDirectoryName(Destination));
            File.WriteAllBytes(Destination, elf.Bytes);
            return true;
        }
        catch (InvalidDataException error)
        {
            Log.LogError($"{Source} {error.Message}. Delete the package's folder and restore again.");
            return false;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Log.LogError($"{Source} could not be copied to {Destination}: {error.Message}");
            return false;
        }
    }

    /// <summary>One version of one library that the loader asks for; the offset is where its record begins.</summary>
    private sealed class VersionNeed
    {
        public string Library = "";
        public string Version = "";
        public ushort Index;
        public long Offset;
    }

    /// <summary>A section's place in the file, and the section that it refers to.</summary>
    private sealed class Section(uint type, ulong offset, ulong size, uint link)
    {
        public uint Type { get; } = type;

        public ulong Offset { get; } = offset;

        public ulong Size { get; } = size;

        public uint Link { get; } = link;
    }

    /// <summary>The parts of a 64-bit, little-endian ELF file that tell which symbol versions it needs.</summary>
    private sealed class ElfFile
    {
        private const uint RelocationsWithAddend = 4;
        private const uint Relocations = 9;
        private const uint DynamicSymbols = 11;
        private const uint NeededVersions = 0x6FFFFFFE;
        private const uint SymbolVersions = 0x6FFFFFFF;
        private const int SymbolBytes = 24;

        private readonly List<Section> _sections = [];

        public ElfFile(byte[] bytes)
        {
            Bytes = bytes;
            if (bytes.Length < 64 || U32(0) != 0x464C457F || bytes[4] != 2 || bytes[5] != 1)
            {
                throw new InvalidDataException("is not a 64-bit ELF library");
            }

            var (table, entryBytes, count) = (U64(0x28), U16(0x3A), U16(0x3C));
            for (var index = 0; index < count; index++)
            {
                var at = (long)table + index * entryBytes;
                var section = new Section(U32(at + 4), U64(at + 24), U64(at + 32), U32(at + 40));
                const uint WithoutBytes = 8;
                var length = (ulong)bytes.Length;
                var fits = section.Offset <= length && section.Size <= length - section.Offset;
                if (section.Type != WithoutBytes && !fits)
                {
                    throw new InvalidDataException("is cut off");
                }

                _sections.Add(section);
            }
        }

        public byte[] Bytes { get; }

        /// <summary>The versions that the loader asks for, of all libraries.</summary>
        public IEnumerable<VersionNeed> VersionNeeds()
        {
            var section = Find(NeededVersions);
            var strings = Linked(section);

            // Two nested linked lists: libraries, and versions of each. A link counts bytes from its own record; 0 ends
            // it.
            for (long library = (long)section.Offset, nextLibrary = -1; nextLibrary != 0; library += nextLibrary)
            {
                nextLibrary = U32(library + 12);
                for (long version = library + U32(library + 8), next = -1; next != 0; version += next)
                {
                    next = U32(version + 12);
                    yield return new VersionNeed
                    {
                        Library = Text(strings, U32(library + 4)),
                        Version = Text(strings, U32(version + 8)),
                        Index = (ushort)(U16(version + 6) & 0x7FFF),
                        Offset = version,
                    };
                }
            }
        }

        /// <summary>The numbers of the versions of all symbols that a relocation refers to.</summary>
        public HashSet<ushort> VersionsUsedByRelocations()
        {
            var (symbols, versions) = (Find(DynamicSymbols), Find(SymbolVersions));
            var used = new HashSet<ushort>();
            foreach (var section in _sections.Where(section => section.Type is RelocationsWithAddend or Relocations))
            {
                ulong entryBytes = section.Type == RelocationsWithAddend ? 24u : 16u;
                for (ulong at = 0; at + entryBytes <= section.Size; at += entryBytes)
                {
                    // The symbol's number is the upper half of the entry's second word.
                    var symbol = U32((long)(section.Offset + at) + 12);
                    if (symbol >= symbols.Size / SymbolBytes || symbol >= versions.Size / 2)
                    {
                        throw new InvalidDataException($"has a relocation of symbol {symbol}, which it does not have");
                    }

                    used.Add((ushort)(U16((long)versions.Offset + symbol * 2) & 0x7FFF));
                }
            }

            return used;
        }

        /// <summary>Sets bits in the flags of a version's record.</summary>
        public void SetNeedFlags(VersionNeed need, ushort flags) => Bytes[need.Offset + 4] |= (byte)flags;

        private Section Find(uint type) =>
            _sections.FirstOrDefault(section => section.Type == type)
                ?? throw new InvalidDataException($"has no section of type 0x{type:x}");

        private Section Linked(Section section) =>
            section.Link < _sections.Count
                ? _sections[(int)section.Link]
                : throw new InvalidDataException($"has no section {section.Link}");

        private string Text(Section strings, uint start)
        {
            var end = start < strings.Size ? Array.IndexOf(Bytes, (byte)0, (int)(strings.Offset + start)) : -1;
            return end >= 0
                ? Encoding.ASCII.GetString(Bytes, (int)(strings.Offset + start), end - (int)(strings.Offset + start))
                : throw new InvalidDataException($"has no text at {start}");
        }

        private ushort U16(long at) => BitConverter.ToUInt16(Bytes, Checked(at, 2));

        private uint U32(long at) => BitConverter.ToUInt32(Bytes, Checked(at, 4));

        private ulong U64(long at) => BitConverter.ToUInt64(Bytes, Checked(at, 8));

        private int Checked(long at, int count) =>
            at >= 0 && at <= Bytes.Length - count ? (int)at : throw new InvalidDataException("is cut off");
    }
}
