using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace DotNettyFraming.Codec;

/// <summary>One alternative of a <see cref="HeaderLayout"/>: a header with at most one length and one time.</summary>
internal sealed class HeaderAlternative
{
    private readonly byte[] _template; // the literal bytes, 0 elsewhere
    private readonly int[] _literals; // their offsets, ascending
    private readonly ulong _literalWord;
    private readonly int _fieldShift; // from the first eight bytes to the length field
    private readonly int _swappedShift; // from its bytes in reverse to its value
    private readonly bool _isBigEndian;
    private readonly uint _mask;
    private readonly bool _isShort;
    private readonly int _fieldOffset;
    private readonly int _lengthBesidesField;

    /// <param name="bytes">The literal bytes; null for any other.</param>
    /// <param name="field">The length field; null if the packet is the header alone.</param>
    /// <param name="time">The time; null if there is none.</param>
    public HeaderAlternative(IReadOnlyList<byte?> bytes, LengthField? field, TimeField? time)
    {
        Length = bytes.Count;
        Field = field;
        Time = time;
        _template = [.. bytes.Select(literal => literal ?? 0)];
        _literals = [.. Enumerable.Range(0, Length).Where(offset => bytes[offset] is not null)];
        LiteralsEnd = _literals.Length == 0 ? 0 : _literals[^1] + 1;
        KnownAt = Math.Max(LiteralsEnd, field?.End ?? 0);
        _lengthBesidesField = Length + (field?.Adjustment ?? 0);
        if (KnownAt > sizeof(ulong))
        {
            return;
        }

        foreach (int offset in _literals)
        {
            LiteralMask |= 0xFFul << (8 * offset);
            _literalWord |= (ulong)_template[offset] << (8 * offset);
        }

        if (field is { } length)
        {
            _fieldShift = 8 * length.Offset;
            _swappedShift = 8 * (sizeof(uint) - length.Size);
            _isBigEndian = length.IsBigEndian;
            _mask = length.Mask;
            _fieldOffset = length.Offset;
            _isShort = length is { Size: sizeof(ushort), IsBigEndian: false, IsMasked: false };
            FieldMask = (uint.MaxValue >> _swappedShift) * 1ul << _fieldShift;
        }
    }

    /// <summary>The header's length.</summary>
    public int Length { get; }

    /// <summary>The length field; null if the packet is the header alone.</summary>
    public LengthField? Field { get; }

    /// <summary>The time; null if there is none.</summary>
    public TimeField? Time { get; }

    /// <summary>The number of bytes up to the last literal one.</summary>
    public int LiteralsEnd { get; }

    /// <summary>The number of bytes that decide whether it matches, and how long the packet is.</summary>
    public int KnownAt { get; }

    /// <summary>The literal bytes' bits in the first eight bytes, if <see cref="KnownAt"/> is at most eight.</summary>
    public ulong LiteralMask { get; }

    /// <summary>The length field's bits in the first eight bytes, if <see cref="KnownAt"/> is at most eight.</summary>
    public ulong FieldMask { get; }

    /// <summary>Returns whether the literal bytes match, if <see cref="KnownAt"/> is at most eight.</summary>
    /// <param name="word">The first eight bytes, little-endian.</param>
    public bool Matches(ulong word) => (word & LiteralMask) == _literalWord;

    /// <summary>Returns the packet's length, if <see cref="KnownAt"/> is at most eight; it may be less than the header's.</summary>
    /// <param name="bytes">The packet's first eight bytes.</param>
    /// <param name="word">The same, little-endian.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long PacketLength(ReadOnlySpan<byte> bytes, ulong word)
    {
        // The processor waits for this number before it can read the next header: the most frequent field is read as it is.
        if (_isShort)
        {
            return (long)BinaryPrimitives.ReadUInt16LittleEndian(bytes[_fieldOffset..]) + _lengthBesidesField;
        }

        uint field = (uint)(word >> _fieldShift);
        if (_isBigEndian)
        {
            field = BinaryPrimitives.ReverseEndianness(field) >> _swappedShift;
        }

        return (long)(field & _mask) + _lengthBesidesField;
    }

    /// <summary>Returns the length of the whole packet that starts with this header.</summary>
    public int PacketLength(ReadOnlySpan<byte> header) => Length + (int)(Field?.PayloadLength(header) ?? 0);

    /// <summary>Returns the offset of the first of these bytes that is not the literal one; −1 if there is none.</summary>
    public int FirstMismatch(ReadOnlySpan<byte> bytes)
    {
        foreach (int offset in _literals)
        {
            if (offset >= bytes.Length)
            {
                break;
            }

            if (bytes[offset] != _template[offset])
            {
                return offset;
            }
        }

        return -1;
    }

    /// <summary>Inspects the length, whether the literal bytes match or not.</summary>
    public HeaderInspection InspectLength(ReadOnlySpan<byte> bytes, int maxPayload) =>
        Field is not { } field ? HeaderInspection.Of(this, 0, maxPayload)
        : bytes.Length < field.End ? default
        : HeaderInspection.Of(this, field.PayloadLength(bytes), maxPayload);

    /// <summary>Returns whether a header can announce a payload of this length, and the value of its length field.</summary>
    public bool CanSay(int payloadLength, out uint field)
    {
        field = 0;
        return Field?.CanSay(payloadLength, out field) ?? payloadLength == 0;
    }

    /// <summary>Writes a header.</summary>
    public void Write(Span<byte> destination, uint field, uint time)
    {
        if (destination.Length < Length)
        {
            throw new ArgumentException(
                $"The header takes {Length} bytes, and there is space for {destination.Length}.", nameof(destination));
        }

        _template.CopyTo(destination);
        Field?.Write(destination, field);
        WriteTime(destination, time);
    }

    /// <summary>Returns the time in a header; null if it has none.</summary>
    public uint? ReadTime(ReadOnlySpan<byte> header) => Time?.Read(header);

    /// <summary>Overwrites the time in a header, if it has one.</summary>
    public void WriteTime(Span<byte> header, uint time) => Time?.Write(header, time);

    /// <summary>Returns whether a header of another alternative can never be read as one of this.</summary>
    public bool IsExcludedBy(ReadOnlySpan<byte> header, HeaderAlternative other)
    {
        foreach (int offset in _literals)
        {
            if (offset < other.Length && header[offset] != _template[offset] && other.Time?.Contains(offset) != true)
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>The length field of a header.</summary>
/// <param name="Offset">Its first byte.</param>
/// <param name="Size">Its bytes, 1 to 4.</param>
/// <param name="IsBigEndian">Whether its first byte is the most significant.</param>
/// <param name="Mask">The bits of its value that count.</param>
/// <param name="Adjustment">The number that is added to them.</param>
internal readonly record struct LengthField(int Offset, int Size, bool IsBigEndian, uint Mask, int Adjustment)
{
    public int End => Offset + Size;

    public bool IsMasked => Mask != uint.MaxValue >> (8 * (sizeof(uint) - Size));

    public long MaxPayloadLength => (long)Mask + Adjustment;

    public long PayloadLength(ReadOnlySpan<byte> header)
    {
        uint value = 0;
        for (int i = 0; i < Size; i++)
        {
            value |= (uint)header[Offset + i] << ShiftOf(i);
        }

        return (long)(value & Mask) + Adjustment;
    }

    public bool CanSay(int payloadLength, out uint value)
    {
        long field = (long)payloadLength - Adjustment;
        value = unchecked((uint)field);
        return payloadLength >= 0 && field >= 0 && (field & ~(long)Mask) == 0;
    }

    public void Write(Span<byte> header, uint value)
    {
        for (int i = 0; i < Size; i++)
        {
            header[Offset + i] = (byte)(value >> ShiftOf(i));
        }
    }

    private int ShiftOf(int i) => 8 * (IsBigEndian ? Size - 1 - i : i);
}

/// <summary>The time field of a header, Unix seconds.</summary>
/// <param name="Offset">Its first byte.</param>
/// <param name="IsBigEndian">Whether its first byte is the most significant.</param>
internal readonly record struct TimeField(int Offset, bool IsBigEndian)
{
    public const int Size = sizeof(uint);

    public bool Contains(int offset) => offset >= Offset && offset < Offset + Size;

    public uint Read(ReadOnlySpan<byte> header) => IsBigEndian
        ? BinaryPrimitives.ReadUInt32BigEndian(header[Offset..])
        : BinaryPrimitives.ReadUInt32LittleEndian(header[Offset..]);

    public void Write(Span<byte> header, uint time)
    {
        if (IsBigEndian)
        {
            BinaryPrimitives.WriteUInt32BigEndian(header[Offset..], time);
        }
        else
        {
            BinaryPrimitives.WriteUInt32LittleEndian(header[Offset..], time);
        }
    }
}
