using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace DotNettyFraming.Codec;

/// <summary>The layout of packet headers: which bytes must match, where the length is, and how long the header is.</summary>
/// <remarks>
/// <para>Parsed from text such as <c>26 len:u16le time:u32le</c>, the default; docs/protocol.md has the grammar. It is the only type that
/// knows headers: decoder, enumeration, encoder and load client use it. Immutable; any thread can use it.</para>
/// <para>A layout has one or more alternatives, and the first one whose literal bytes match counts. While an earlier one is undecided,
/// more bytes are needed. The first fault in byte order counts, so the result does not depend on how a stream is split.</para>
/// </remarks>
public sealed class HeaderLayout : IEquatable<HeaderLayout>
{
    /// <summary>The longest payload that a decoder accepts, whatever the length field can say: 16 MiB.</summary>
    public const int LongestPayload = 16 * 1024 * 1024;

    /// <summary>The longest header: 64 bytes.</summary>
    public const int LongestHeader = 64;

    private const int DefaultLongestPayload = 65_535;

    private readonly HeaderAlternative[] _alternatives;
    private readonly string _text;

    internal HeaderLayout(HeaderAlternative[] alternatives, string text)
    {
        _alternatives = alternatives;
        _text = text;
        FitsWord = Array.TrueForAll(alternatives, alternative => alternative.KnownAt <= sizeof(ulong));
        MaxHeaderLength = alternatives.Max(alternative => alternative.Length);
        MaxPayloadLength = (int)Math.Min(LongestPayload, alternatives.Max(alternative => alternative.Field?.MaxPayloadLength ?? 0));
        HasTime = Array.Exists(alternatives, alternative => alternative.Time is not null);
        if (FitsWord)
        {
            foreach (HeaderAlternative alternative in alternatives)
            {
                WordMask |= alternative.LiteralMask | alternative.FieldMask;
            }
        }
    }

    /// <summary>The article's header: <c>26 len:u16le time:u32le</c>.</summary>
    public static HeaderLayout Default { get; } = Parse("26 len:u16le time:u32le");

    /// <summary>The length of the longest alternative.</summary>
    public int MaxHeaderLength { get; }

    /// <summary>The longest payload that a header can announce, at most <see cref="LongestPayload"/>.</summary>
    public int MaxPayloadLength { get; }

    /// <summary>The longest payload accepted by default: what a header can announce, at most 65,535 bytes.</summary>
    public int DefaultMaxPayload => Math.Min(MaxPayloadLength, DefaultLongestPayload);

    /// <summary>Whether an alternative has a time.</summary>
    public bool HasTime { get; }

    /// <summary>Whether offset, size and adjustment of one length field say it all, as for DotNetty's decoder.</summary>
    internal bool IsPlain => _alternatives is [{ Field: { IsMasked: false } }];

    /// <summary>The first alternative with a length field.</summary>
    internal HeaderAlternative FirstWithLength => Array.Find(_alternatives, alternative => alternative.Field is not null)!;

    /// <summary>Whether the first eight bytes of any packet decide its alternative and its length.</summary>
    internal bool FitsWord { get; }

    /// <summary>The bits of these bytes that decide it, if <see cref="FitsWord"/>.</summary>
    internal ulong WordMask { get; }

    /// <summary>Parses a layout.</summary>
    /// <exception cref="FormatException">The text is no layout; the message names the token.</exception>
    public static HeaderLayout Parse(string text) =>
        TryParse(text, out HeaderLayout? layout, out string? error) ? layout : throw new FormatException($"The layout '{text}' {error}.");

    /// <summary>Parses a layout, or says in one line what is wrong with it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="layout">The layout, if the method returns true.</param>
    /// <param name="error">Otherwise the error, worded to follow the quoted text: <c>is wrong at token 2, 'len:u17': …</c>.</param>
    public static bool TryParse(
        string text, [NotNullWhen(true)] out HeaderLayout? layout, [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(text);
        layout = HeaderLayoutParser.Parse(text, out error);
        if (layout is not null && layout.Equals(Default))
        {
            layout = Default; // batches of this instance are smaller
        }

        return layout is not null;
    }

    /// <summary>Inspects the start of a packet.</summary>
    /// <param name="bytes">The bytes received, from the packet's first on.</param>
    /// <param name="maxPayload">The longest payload accepted.</param>
    public HeaderInspection Inspect(ReadOnlySpan<byte> bytes, int maxPayload)
    {
        HeaderAlternative? first = null; // that may still match
        bool onlyOne = true;
        HeaderAlternative? last = null; // to fail
        int lastMismatch = -1;
        bool together = false;
        foreach (HeaderAlternative alternative in _alternatives)
        {
            int mismatch = alternative.FirstMismatch(bytes);
            if (mismatch < 0)
            {
                onlyOne = first is null;
                first ??= alternative;
            }
            else if (mismatch >= lastMismatch)
            {
                together = mismatch == lastMismatch;
                last = alternative;
                lastMismatch = mismatch;
            }
        }

        if (first is null)
        {
            // The length of the last alternative may have been at fault before one of its literal bytes was.
            HeaderInspection before = together ? default : last!.InspectLength(bytes[..lastMismatch], maxPayload);
            return before.Fault is null ? HeaderInspection.InvalidPrefix(bytes[lastMismatch]) : before;
        }

        if (bytes.Length >= first.LiteralsEnd)
        {
            return first.InspectLength(bytes, maxPayload);
        }

        HeaderInspection early = onlyOne ? first.InspectLength(bytes, maxPayload) : default;
        return early.Fault is null ? default : early;
    }

    /// <summary>Returns whether a header can announce a payload of this length, and is read as announcing it.</summary>
    public bool CanSay(int payloadLength) => Find(payloadLength, out _) is not null;

    /// <summary>Returns the length of the header that announces a payload of this length.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No header can announce this length.</exception>
    public int HeaderLength(int payloadLength) => Require(payloadLength, out _).Length;

    /// <summary>Writes a header: literal bytes, length and time; skipped bytes are 0.</summary>
    /// <param name="destination">Space for the header.</param>
    /// <param name="payloadLength">The payload's length.</param>
    /// <param name="time">Unix seconds; not used if the layout has no time.</param>
    /// <returns>The header's length.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No header can announce this length.</exception>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public int WriteHeader(Span<byte> destination, int payloadLength, uint time)
    {
        HeaderAlternative alternative = Require(payloadLength, out uint field);
        alternative.Write(destination, field, time);
        return alternative.Length;
    }

    /// <summary>Writes a packet.</summary>
    /// <param name="destination">Space for header and payload.</param>
    /// <param name="time">Unix seconds; not used if the layout has no time.</param>
    /// <param name="payload">The payload.</param>
    /// <returns>The packet's length.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No header can announce a payload of this length.</exception>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public int WritePacket(Span<byte> destination, uint time, ReadOnlySpan<byte> payload)
    {
        int header = WriteHeader(destination, payload.Length, time);
        payload.CopyTo(destination[header..]);
        return header + payload.Length;
    }

    /// <summary>Overwrites the time in the header of a whole packet, so that it can be sent again; does nothing if it has none.</summary>
    /// <param name="packet">Bytes that start with a whole packet.</param>
    /// <param name="time">Unix seconds.</param>
    public void WriteTime(Span<byte> packet, uint time) => Read(packet, out _).WriteTime(packet, time);

    /// <summary>Returns the layout's text, with hexadecimal digits in capitals and single spaces.</summary>
    public override string ToString() => _text;

    /// <inheritdoc/>
    public bool Equals(HeaderLayout? other) => other is not null && _text == other._text;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as HeaderLayout);

    /// <inheritdoc/>
    public override int GetHashCode() => _text.GetHashCode(StringComparison.Ordinal);

    /// <summary>Returns the alternative of the packet at the start of <paramref name="bytes"/>, if it is whole and valid.</summary>
    /// <param name="bytes">Bytes received.</param>
    /// <param name="maxPayload">The longest payload accepted.</param>
    /// <param name="length">The packet's length.</param>
    internal HeaderAlternative? ReadWhole(ReadOnlySpan<byte> bytes, int maxPayload, out int length)
    {
        if (FitsWord && bytes.Length >= sizeof(ulong))
        {
            HeaderAlternative? match = Match(bytes, out long announced);
            length = (int)announced;
            return match is not null && announced <= bytes.Length && (ulong)(announced - match.Length) <= (ulong)maxPayload ? match : null;
        }

        HeaderInspection packet = Inspect(bytes, maxPayload);
        length = packet.PacketLength;
        return length <= bytes.Length ? packet.Alternative : null;
    }

    /// <summary>Returns the alternative of the packet at the start of <paramref name="packets"/>.</summary>
    /// <param name="packets">Whole packets, as decoded: an alternative that is undecided at their end is not theirs.</param>
    /// <param name="length">The packet's length.</param>
    internal HeaderAlternative Read(ReadOnlySpan<byte> packets, out int length)
    {
        if (FitsWord && packets.Length >= sizeof(ulong) && Match(packets, out long announced) is { } match)
        {
            length = (int)announced;
            return match;
        }

        foreach (HeaderAlternative alternative in _alternatives)
        {
            if (packets.Length >= alternative.KnownAt && alternative.FirstMismatch(packets) < 0)
            {
                length = alternative.PacketLength(packets);
                return alternative;
            }
        }

        throw new ArgumentException($"The bytes are no packets of the layout '{_text}'.", nameof(packets));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private HeaderAlternative? Match(ReadOnlySpan<byte> bytes, out long packetLength)
    {
        ulong word = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        foreach (HeaderAlternative alternative in _alternatives)
        {
            if (alternative.Matches(word))
            {
                packetLength = alternative.PacketLength(bytes, word);
                return alternative;
            }
        }

        packetLength = 0;
        return null;
    }

    private HeaderAlternative? Find(int payloadLength, out uint field)
    {
        field = 0;
        foreach (HeaderAlternative alternative in _alternatives)
        {
            if (alternative.CanSay(payloadLength, out field) && IsReadAs(alternative, field))
            {
                return alternative;
            }
        }

        return null;
    }

    private HeaderAlternative Require(int payloadLength, out uint field) =>
        Find(payloadLength, out field)
        ?? throw new ArgumentOutOfRangeException(
            nameof(payloadLength),
            payloadLength,
            $"No header of the layout '{_text}' can announce a payload of this length; the longest is {MaxPayloadLength} bytes.");

    /// <summary>Returns whether no earlier alternative can match the header that is written, whatever its time and payload.</summary>
    private bool IsReadAs(HeaderAlternative alternative, uint field)
    {
        if (alternative == _alternatives[0])
        {
            return true;
        }

        Span<byte> header = stackalloc byte[LongestHeader];
        alternative.Write(header, field, time: 0);
        foreach (HeaderAlternative earlier in _alternatives)
        {
            if (earlier == alternative)
            {
                break;
            }

            if (!earlier.IsExcludedBy(header, alternative))
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>What <see cref="HeaderLayout.Inspect"/> finds: a packet, a fault, or neither while more bytes are needed.</summary>
public readonly struct HeaderInspection
{
    private readonly HeaderAlternative? _alternative;
    private readonly long _value; // the payload's length, or what is wrong
    private readonly FramingFaultKind _fault;
    private readonly bool _isFault;

    private HeaderInspection(HeaderAlternative alternative, long payloadLength)
    {
        _alternative = alternative;
        _value = payloadLength;
    }

    private HeaderInspection(FramingFaultKind fault, long found)
    {
        _fault = fault;
        _isFault = true;
        _value = found;
    }

    /// <summary>Whether the packet's length is known and valid.</summary>
    public bool IsPacket => _alternative is not null;

    /// <summary>The fault; null if there is none so far.</summary>
    public FramingFaultKind? Fault => _isFault ? _fault : null;

    /// <summary>The unexpected byte, or the announced payload length, if there is a fault.</summary>
    public long Found => _isFault ? _value : 0;

    /// <summary>The header's length; 0 if there is no packet.</summary>
    public int HeaderLength => _alternative?.Length ?? 0;

    /// <summary>The payload's length; 0 if there is no packet.</summary>
    public int PayloadLength => _alternative is null ? 0 : (int)_value;

    /// <summary>The length of the whole packet; 0 if there is no packet.</summary>
    public int PacketLength => _alternative is null ? 0 : _alternative.Length + (int)_value;

    internal HeaderAlternative? Alternative => _alternative;

    internal static HeaderInspection InvalidPrefix(byte found) => new(FramingFaultKind.InvalidPrefix, found);

    internal static HeaderInspection Of(HeaderAlternative alternative, long payloadLength, int maxPayload) =>
        (ulong)payloadLength <= (ulong)maxPayload ? new(alternative, payloadLength)
        : payloadLength < 0 ? new(FramingFaultKind.InvalidLength, payloadLength)
        : new(FramingFaultKind.PayloadTooLarge, payloadLength);
}
